"""What a medication record says of itself: whether the drug is in use, was stopped, or never given."""

from __future__ import annotations

from cds_hooks.chart.fhir import Resource, as_mapping, as_text, codes

_ADHERENCE = {"taking": "active", "not-taking": "not-taken", "on-hold": "on-hold", "stopped": "stopped"}
"""R5 says in `adherence` what was in the status before; its longer codes begin like these ("stopped-as-directed")."""


def medication_status(resource: Resource) -> str:
    """Return the status of a medication record as R4 would say it, "" when it has none.

    Not taken or not given: a flag in DSTU2 (`wasNotTaken`, `wasNotGiven`) and STU3 (`taken`, `notGiven`, `notDone`), a
    status in R4, `adherence` in R5, where a statement is "recorded" whether the drug is taken or not. Who stopped a
    drug did take it.
    """
    status = as_text(resource.get("status"))
    if status == "entered-in-error":
        return status
    if resource.get("wasNotTaken") is True or (resource.get("taken") == "n" and status != "stopped"):
        return "not-taken"
    if resource.get("wasNotGiven") is True or resource.get("notGiven") is True or resource.get("notDone") is True:
        return "not-done"
    if status == "recorded" and "adherence" in resource:
        said = min(codes(as_mapping(resource["adherence"]).get("code")), default="")
        return next((ours for begin, ours in _ADHERENCE.items() if said.startswith(begin)), status)
    return status
