"""Relative dates such as `@-3dT08:30`; the notation is explained in the package documentation."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_RELATIVE = re.compile(
    r"""@(?: now
           | (?P<hours>[+-][0-9]+)h
           | (?=[+-]) (?:(?P<years>[+-][0-9]+)y)? (?:(?P<days>[+-][0-9]+)d)? (?:T(?P<clock>[0-9]{2}:[0-9]{2}))?
         )""",
    re.VERBOSE,
)


def resolve_dates(value: Any, now: datetime) -> Any:
    """Return a copy of a JSON value in which every relative date has become a FHIR date or dateTime.

    Args:
        value: any JSON value.
        now: the moment to count from, with a time zone.

    Raises:
        ValueError: a string begins with `@` but is no relative date, or `now` has no time zone.
    """
    if isinstance(value, dict):
        return {key: resolve_dates(item, now) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve_dates(item, now) for item in value]
    if isinstance(value, str) and value.startswith("@"):
        return resolve_date(value, now)
    return value


def resolve_date(text: str, now: datetime) -> str:
    """Return the FHIR date or dateTime for one relative date; errors as in `resolve_dates`."""
    if now.tzinfo is None:
        raise ValueError("the moment to count from needs a time zone")
    match = _RELATIVE.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a relative date")
    moment = now.astimezone(UTC).replace(microsecond=0)
    if match["years"] is None and match["days"] is None:
        return _date_time(moment + timedelta(hours=int(match["hours"] or 0)))
    moment = _years_later(moment, int(match["years"] or 0)) + timedelta(days=int(match["days"] or 0))
    if match["clock"] is None:
        return moment.date().isoformat()
    hour, minute = match["clock"].split(":")
    return _date_time(moment.replace(hour=int(hour), minute=int(minute), second=0))


def _years_later(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # 29 February in a year that has none
        return moment.replace(year=moment.year + years, day=28)


def _date_time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
