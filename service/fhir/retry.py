"""Whether a failed request is worth a second attempt, and how long to wait before it.

Every request this service makes only reads, so repeating one is harmless. One repetition, within the deadline.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from cds_hooks.prefetch import FailureCause

_PAUSE_S = 0.05
_PASSING = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


def pause_before_retry(
    failure: FailureCause | int, headers: Mapping[str, str], *, renews_token: bool = False
) -> float | None:
    """Return how many seconds to wait before the second attempt, None when there is to be none.

    Args:
        failure: why there was no answer, or the status of the answer.
        headers: headers of the answer.
        renews_token: whether the next attempt will carry another token if this one was refused.
    """
    if failure is FailureCause.UNREACHABLE:
        # The server may have closed an idle connection at the moment it was used.
        return 0.0
    if isinstance(failure, FailureCause):
        return None
    if failure == HTTPStatus.UNAUTHORIZED:
        return 0.0 if renews_token else None
    if failure in _PASSING or failure == HTTPStatus.TOO_MANY_REQUESTS:
        wanted = headers.get("Retry-After")
        if wanted is not None:
            return _seconds(wanted, headers.get("Date"))
        return _PAUSE_S if failure in _PASSING else None
    return None


def _seconds(wanted: str, date: str | None) -> float | None:
    """Read Retry-After: seconds, or a moment by the clock of the server, which need not be ours."""
    if wanted.strip().isdecimal() and wanted.isascii():
        return float(wanted)
    try:
        until = parsedate_to_datetime(wanted)
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError):
        return None
