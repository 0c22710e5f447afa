"""Historic records of invented patients as Bulk Data files: the demo patients, over and over, each with some visits."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from service.sandbox.patients import SandboxPatient, load_patients

_BEGIN = datetime(2024, 1, 8, 9, 0, tzinfo=UTC)
_VISITS = 6
_DAYS_BETWEEN = 28
_STARTS = 60
_OTHER_DRUGS = (
    ("860975", "metformin hydrochloride 500 MG Oral Tablet"),
    ("314076", "lisinopril 10 MG Oral Tablet"),
    ("617314", "atorvastatin 20 MG Oral Tablet"),
    ("198440", "acetaminophen 500 MG Oral Tablet"),
)
_RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"

Record = dict[str, Any]


def write_history(folder: Path, *, orders: int, share_relevant: float, seed: int = 1) -> int:
    """Write records with a number of orders.

    Args:
        folder: where the files `<ResourceType>.ndjson` go.
        orders: signings to write at least.
        share_relevant: share of the orders that are those of the demo patients; the others are of unrelated drugs.
        seed: of the random numbers.

    Returns:
        the number of orders written.
    """
    chance = random.Random(seed)  # noqa: S311  no secret
    starts = [_BEGIN + timedelta(days=number) for number in range(_STARTS)]
    visits = {
        start: [load_patients(start + timedelta(days=_DAYS_BETWEEN * visit)) for visit in range(_VISITS)]
        for start in starts
    }
    written = number = 0
    with ExitStack() as stack:
        files: dict[str, Any] = {}
        while written < orders:
            start = chance.choice(starts)
            which = chance.randrange(len(visits[start][0]))
            course = [patients[which] for patients in visits[start]]
            for record in _patient(f"p{number}", course, start, share_relevant, chance):
                kind = record["resourceType"]
                written += kind == "MedicationRequest" and record.get("intent") == "order"
                if kind not in files:
                    files[kind] = stack.enter_context((folder / f"{kind}.ndjson").open("wb"))
                files[kind].write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
            number += 1
    return written


def _patient(
    identity: str, course: list[SandboxPatient], start: datetime, share: float, chance: random.Random
) -> Iterator[Record]:
    clinician = {"reference": f"Practitioner/c{chance.randrange(40)}"}
    for visit, patient in enumerate(course):
        day = start + timedelta(days=_DAYS_BETWEEN * visit)
        for resource in patient.resources:
            if visit == 0 or resource["resourceType"] == "Observation":
                yield _renamed(resource, patient.id, identity, visit)
        for order in patient.draft_orders:
            yield _renamed(order, patient.id, identity, visit) | {
                "status": "completed",
                "intent": "order",
                "authoredOn": day.isoformat(),
                "requester": clinician,
            }
        for _ in range(round(len(patient.draft_orders) * (1 - share) / share)):
            moment = day + timedelta(minutes=chance.randrange(5, 400))
            yield _other_order(identity, moment, clinician, chance)


def _renamed(resource: Mapping[str, Any], old: str, new: str, visit: int) -> Record:
    record: Record = orjson.loads(orjson.dumps(resource).replace(f"Patient/{old}".encode(), f"Patient/{new}".encode()))
    record["id"] = new if record["resourceType"] == "Patient" else f"{new}-{visit}-{record['id']}"[-64:]
    return record


def _other_order(identity: str, moment: datetime, clinician: Mapping[str, str], chance: random.Random) -> Record:
    code, display = chance.choice(_OTHER_DRUGS)
    return {
        "resourceType": "MedicationRequest",
        "id": f"{identity}-{chance.getrandbits(48):x}",
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{identity}"},
        "authoredOn": moment.isoformat(),
        "requester": clinician,
        "medicationCodeableConcept": {"coding": [{"system": _RXNORM, "code": code, "display": display}]},
    }
