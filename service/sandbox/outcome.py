"""OperationOutcome: how the sandbox says that a request failed or was only partly understood."""

from typing import Any

Resource = dict[str, Any]
"""A FHIR resource in its JSON form."""


def operation_outcome(severity: str, code: str, diagnostics: str) -> Resource:
    """Return an OperationOutcome with one issue.

    Args:
        severity: a code of the FHIR value set issue-severity.
        code: a code of the FHIR value set issue-type.
        diagnostics: what happened, for people.
    """
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": code, "diagnostics": diagnostics}],
    }


class FhirError(Exception):
    """A request that cannot be answered: the HTTP status and the issue that explains it."""

    def __init__(self, status: int, code: str, diagnostics: str) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.code = code
        self.diagnostics = diagnostics

    def outcome(self) -> Resource:
        """Return the OperationOutcome that goes into the response body."""
        return operation_outcome("error", self.code, self.diagnostics)
