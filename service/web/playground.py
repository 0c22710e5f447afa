"""`/playground/`: sign an order of an invented patient and see the cards as an EHR would draw them. Demo only.

The page plays the EHR. It lets the draft orders be edited, has the hook request put together here (an EHR fills in the
prefetch on its server too), sends it itself to the real endpoint, and reports what was done with the cards as feedback.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, NotFound

from cds_hooks.chart.fhir import RXNORM
from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.protocol.services import SERVICES
from service.sandbox.catalogue import codeable_concept, load_catalogue
from service.sandbox.chart_summary import chart_summary
from service.sandbox.hook_request import fill_prefetch, hook_request
from service.sandbox.patients import SandboxPatient
from service.sandbox.server import Sandbox
from service.web.pages.markdown import render_detail
from service.web.pages.rendering import page

PATH = "/playground/"
_SERVICE_IDS = {service.hook: service.id for service in SERVICES.values()}
_ANALOGUES = ("lenalidomide", "thalidomide", "pomalidomide")
_MOST_DETAILS = 100


@dataclass(frozen=True, slots=True)
class Playground:
    """What the playground plays with.

    Attributes:
        patients: the invented patients.
        sandbox: the FHIR server that holds their charts.
        fhir_url: its base URL.
        prefetch: prefetch templates by key, as discovery lists them.
        ehrs: client profile → path below which the service answers an EHR with that profile.
        knowledge: names the capsules that can be ordered.
        clock: the present instant.
    """

    patients: tuple[SandboxPatient, ...]
    sandbox: Sandbox
    fhir_url: str
    prefetch: Mapping[str, str]
    ehrs: Mapping[str, str]
    knowledge: Knowledge
    clock: Callable[[], datetime]

    def patient(self, patient_id: str) -> SandboxPatient:
        """Return a patient by id.

        Raises:
            NotFound: there is none.
        """
        for patient in self.patients:
            if patient.id == patient_id:
                return patient
        raise NotFound

    def first_patient(self) -> SandboxPatient:
        """Return whom to begin with: the first patient whose order brings cards."""
        return next(patient for patient in self.patients if patient.expected_topics)

    def drugs(self) -> list[dict[str, Any]]:
        """Return what can be ordered: name, `medicationCodeableConcept`, and content of one unit in mg (or None)."""
        capsules = [
            (row.display, row.strength_mg, {"coding": [_coding(row.code, row.display)], "text": row.display})
            for name in _ANALOGUES
            for row in self.knowledge.drugs[name].RxNorm
            if row.verified and row.strength_mg and row.display.endswith("Oral Capsule")
        ]
        capsules.sort(key=lambda capsule: (_ANALOGUES.index(capsule[0].partition(" ")[0]), capsule[1] or 0))
        others = [(codes[0].display, None, codeable_concept(codes)) for codes in load_catalogue().drugs.values()]
        known = {name for name, _, _ in capsules}
        offered = [*capsules, *(other for other in others if other[0] not in known)]
        return [{"name": name, "mg": milligrams, "concept": concept} for name, milligrams, concept in offered]


def playground_blueprint(playground: Playground) -> Blueprint:
    """Return the page and what its script asks for."""
    blueprint = Blueprint("playground", __name__, url_prefix=PATH.rstrip("/"))

    @blueprint.get("/")
    def show() -> Response:
        patient_id = request.args.get("patient")
        patient = playground.patient(patient_id) if patient_id else playground.first_patient()
        return page(
            "playground/index.html",
            patient=patient,
            patients=playground.patients,
            chart=chart_summary(patient, playground.clock()),
            data={
                "patient": patient.id,
                "orders": patient.draft_orders,
                "drugs": playground.drugs(),
                "services": {
                    profile: {hook: f"{path}/cds-services/{_SERVICE_IDS[hook]}" for hook in _SERVICE_IDS}
                    for profile, path in playground.ehrs.items()
                },
            },
        )

    @blueprint.post("/request")
    def put_together() -> dict[str, Any]:
        wish = _body()
        orders = wish.get("orders")
        if not isinstance(orders, list) or not all(isinstance(order, dict) and "id" in order for order in orders):
            raise BadRequest
        patient = replace(playground.patient(str(wish.get("patient"))), draft_orders=tuple(orders))
        sandbox, fhir_url = playground.sandbox, playground.fhir_url
        prefetch = None
        if wish.get("prefetch"):
            prefetch = fill_prefetch(playground.prefetch, patient, lambda url: sandbox.get(url, base_url=fhir_url))
        if (hook := wish.get("hook")) not in _SERVICE_IDS:
            raise BadRequest
        sandbox.requests.clear()
        return hook_request(
            patient, hook=hook, fhir_server=fhir_url, prefetch=prefetch, hook_instance=str(uuid.uuid4())
        )

    @blueprint.get("/fhir-requests")
    def fhir_requests() -> dict[str, list[str]]:
        """What the service asked of the FHIR server since the last request was put together."""
        return {"requests": [f"{one.method} {one.path}" for one in playground.sandbox.requests.entries]}

    @blueprint.post("/details")
    def details() -> dict[str, list[dict[str, str]]]:
        """The Markdown of the cards as HTML."""
        texts = _body().get("details")
        if not isinstance(texts, list) or len(texts) > _MOST_DETAILS or not all(isinstance(one, str) for one in texts):
            raise BadRequest
        return {"details": [render_detail(text)._asdict() for text in texts]}

    return blueprint


def _coding(code: str, display: str) -> dict[str, str]:
    return {"system": RXNORM, "code": code, "display": display}


def _body() -> dict[str, Any]:
    """Return the JSON object that was sent; only same-origin pages can send this content type without being asked."""
    body = request.get_json() if request.mimetype == "application/json" else None
    if not isinstance(body, dict):
        raise BadRequest
    return body
