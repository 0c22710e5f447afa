"""The invented patients of the sandbox, with dates that are always fresh."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec

from service.sandbox.catalogue import load_catalogue
from service.sandbox.chart_writer import ChartWriter
from service.sandbox.outcome import Resource
from service.sandbox.patient_file import ExpectedTopic, read_patient_file
from service.sandbox.relative_dates import resolve_dates


@dataclass(frozen=True, slots=True)
class SandboxPatient:
    """An invented patient.

    Attributes:
        id: logical id of the Patient resource.
        name: full name.
        story: who this is, in a sentence.
        point: what the case shows.
        hook: the hook the demonstration calls, `order-sign` or `order-select`.
        resources: the chart; the Patient comes first.
        draft_orders: the MedicationRequests about to be signed.
        expected_topics: the cards that must appear.
        unexpected_topics: topics of which no card may appear.
        only_expected: whether no card at all may appear besides the expected ones.
    """

    id: str
    name: str
    story: str
    point: str
    hook: str
    resources: tuple[Resource, ...]
    draft_orders: tuple[Resource, ...]
    expected_topics: tuple[ExpectedTopic, ...]
    unexpected_topics: tuple[str, ...]
    only_expected: bool


def load_patients(now: datetime) -> tuple[SandboxPatient, ...]:
    """Return all patients as they are at `now`; the same `now` always gives the same patients.

    Args:
        now: the moment from which their dates are counted, with a time zone.

    Raises:
        ValueError: a patient file is wrong, naming the file and the place, or `now` has no time zone.
    """
    return tuple(_load(file, now) for file in _patient_files())


def _patient_files() -> Iterator[Traversable]:
    folder = resources.files("service.sandbox").joinpath("patients")
    return iter(sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name))


def _load(file: Traversable, now: datetime) -> SandboxPatient:
    try:
        patient = read_patient_file(file.read_bytes())
        writer = ChartWriter(patient, load_catalogue())
        return SandboxPatient(
            id=patient.id,
            name=patient.name,
            story=patient.story.strip(),
            point=patient.point.strip(),
            hook=patient.hook,
            resources=tuple(resolve_dates(writer.chart(), now)),
            draft_orders=tuple(resolve_dates(writer.drafts(), now)),
            expected_topics=patient.expected_topics,
            unexpected_topics=patient.unexpected_topics,
            only_expected=patient.only_expected,
        )
    except (msgspec.DecodeError, ValueError, KeyError) as error:
        raise ValueError(f"patients/{file.name}: {error}") from error
