"""Which calls a page counts: the last so many days, of one client or of all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import request

from service.reports.usage_figures import Period

DAYS = (7, 30, 90)
"""Lengths that can be chosen, in days."""
_USUAL = 30


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen.

    Attributes:
        days: length of the period.
        client: name of a client, "" for all.
    """

    days: int
    client: str

    def period(self, now: datetime) -> Period:
        """Return whole days in UTC, today the last of them."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        until = midnight + timedelta(days=1)
        return Period(since=until - timedelta(days=self.days), until=until, client=self.client)

    def dates(self, now: datetime) -> list[str]:
        """Return the days of the period as ISO dates, also those without calls."""
        since = self.period(now).since
        return [(since + timedelta(days=number)).date().isoformat() for number in range(self.days)]


def chosen() -> Choice:
    """Return what the address of the page says; what it does not say well counts as not said."""
    days = request.args.get("days", default=_USUAL, type=int)
    return Choice(days if days in DAYS else _USUAL, request.args.get("client", ""))
