"""Faults that lie not with the FHIR server but with the clock of the caller or with the token endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cds_hooks.prefetch import FailureCause


@dataclass(frozen=True)
class CallerFault:
    """One call of a client that must authenticate itself.

    Attributes:
        key: its name.
        title: its name for readers.
        status: HTTP status of the answer.
        cause: what the card must name as the reason; None when everything is found.
        clock_ahead_s: by how many seconds the caller's clock is ahead; its tokens are good for 60 seconds.
        token_fault: key of a fault that befalls the token endpoint of this client; "" for a client that sends an
            access token along.
    """

    key: str
    title: str
    status: int = 200
    cause: FailureCause | None = None
    clock_ahead_s: int = 0
    token_fault: str = ""


TOKEN_LIFETIME_S = 60

_NO_TOKEN = FailureCause.NO_ACCESS_TOKEN

CALLER_FAULTS: Mapping[str, CallerFault] = MappingProxyType(
    {
        fault.key: fault
        for fault in (
            CallerFault("clock-ahead", "caller's clock 20 s ahead (no fault)", clock_ahead_s=20),
            CallerFault("clock-far-ahead", "caller's clock 5 minutes ahead", status=401, clock_ahead_s=300),
            CallerFault(
                "clock-behind", "caller's clock 80 s behind, token ended 20 s ago (no fault)", clock_ahead_s=-80
            ),
            CallerFault("clock-far-behind", "caller's clock 5 minutes behind", status=401, clock_ahead_s=-300),
            CallerFault("own-token", "token endpoint answers (no fault)", token_fault="none"),
            CallerFault("token-refused", "token endpoint refuses connections", cause=_NO_TOKEN, token_fault="refused"),
            CallerFault("token-400", "token endpoint answers 400", cause=_NO_TOKEN, token_fault="400"),
            CallerFault("token-500", "token endpoint answers 500", cause=_NO_TOKEN, token_fault="500"),
            CallerFault("token-html", "token endpoint answers with HTML", cause=_NO_TOKEN, token_fault="html"),
            CallerFault("token-silent", "token endpoint never answers", cause=_NO_TOKEN, token_fault="silent"),
            CallerFault("token-drip", "token endpoint at one byte a second", cause=_NO_TOKEN, token_fault="drip-body"),
            CallerFault(
                "token-redirect",
                "token endpoint redirects to another origin: the assertion does not go there",
                cause=_NO_TOKEN,
                token_fault="redirect-origin",
            ),
        )
    }
)
