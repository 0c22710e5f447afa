"""What the rules see of a patient, in a form that can be compared between versions of FHIR."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from cds_hooks.chart.chart import Chart, Reader, build_chart
from cds_hooks.chart.medications import medications_by_id
from cds_hooks.chart.orders import read_drafts
from cds_hooks.evaluate import evaluate
from cds_hooks.protocol.cards import cards
from cds_hooks.protocol.client_profile import PROFILES, CardOptions
from tests.cds_hooks.chart.versions.members import Json

_RENAMED = ("MedicationOrder", "MedicationRequest")


def read_chart(
    reader: Reader, resources: Sequence[Json], drafts: Sequence[Json], *, patient_id: str, now: datetime, hook: str
) -> Chart:
    """Return the chart of a patient; all drafts are selected."""
    orders = read_drafts(
        drafts, reader.drugs, patient_id=patient_id, selections=None, medications=medications_by_id(resources)
    )
    return build_chart(
        reader, now=now, hook=hook, patient_id=patient_id, drafts=orders, resources=resources, gaps={}
    )  # fmt: skip


def chart_facts(chart: Chart, reader: Reader) -> dict[str, Any]:
    """Return every fact of a chart by subject, without the resources they were read from."""
    knowledge = reader.knowledge
    return {
        "patient": chart.patient if chart.has_patient else None,
        "drafts": [(order.match, order.dose, order.strength_mg, order.selected) for order in chart.drafts],
        "medications": [_plain(fact) for fact in chart.medications(*knowledge.drugs)],
        "conditions": [_plain(fact) for fact in chart.conditions(*knowledge.code_sets, active=False)],
        "procedures": [_plain(fact) for fact in chart.procedures(*knowledge.code_sets)],
        "reactions": [_plain(fact) for fact in chart.reactions()],
        "research subjects": [_plain(fact) for fact in chart.research_subjects()],
        **{f"results of {analyte}": chart.results(analyte) for analyte in knowledge.analytes},
    }


def _plain(fact: Any) -> dict[str, Any]:
    """Return the fields of a fact under the names R4 has for resource types; the record as received is no fact."""
    values = {one.name: getattr(fact, one.name) for one in fields(fact) if one.name != "resource"}
    for name in ("kind", "reference"):
        if name in values:
            values[name] = values[name].replace(*_RENAMED)
    return values


def shown_cards(chart: Chart, reader: Reader) -> list[Json]:
    """Return the cards of a chart, the orders they suggest left out: those are in the version of the draft."""
    numbers = count(1)
    shown = cards(
        evaluate(chart, reader.knowledge).findings,
        reader.knowledge,
        CardOptions(profile=PROFILES["generic"]),
        patient_id="p",
        user_id="",
        service_version="0",
        new_uuid=lambda: str(UUID(int=next(numbers))),
    )
    for card in shown:
        card["suggestions"] = [one["label"] for one in card.get("suggestions", [])]
    text: str = json.dumps(shown, sort_keys=True).replace(*_RENAMED)
    found: list[Json] = json.loads(text)
    return found
