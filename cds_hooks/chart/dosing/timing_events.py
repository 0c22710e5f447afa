"""The rate and course that a list of planned dates (`Timing.event`) amounts to."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import pairwise

from .model import Issue, IssueCode, ScheduleKind
from .rate import Course, Rate, rate_of

_FULL_DATE_LENGTH = len("2024-01-31")
_DATES_FOR_A_PATTERN = 3


def read_events(events: list[str]) -> tuple[Rate, Course] | Issue | None:
    """Return rate and course of evenly spaced dates, or of daily runs of one length with rest between them.

    None without events. An Issue when dates are malformed, too few for a pattern, or follow none.
    """
    if not events:
        return None
    try:
        dates = [date.fromisoformat(event[:_FULL_DATE_LENGTH]) for event in events]
    except ValueError:
        return Issue(IssueCode.AMBIGUOUS_TIMING, "the planned dates cannot be read")
    per_date = Counter(dates)
    counts = set(per_date.values())
    days = sorted(per_date)
    if len(days) < _DATES_FOR_A_PATTERN or len(counts) > 1:
        return Issue(IssueCode.NO_FREQUENCY, "single dates are named instead of a frequency")
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    times = float(counts.pop())
    if len(set(gaps)) == 1:
        rate = rate_of(times, gaps[0])
        length = float(len(days) * gaps[0])
        return None if rate is None else (rate, Course(length_days=length, certain_days=length))
    return _runs(gaps, times)


def _runs(gaps: list[int], times: float) -> tuple[Rate, Course] | Issue:
    runs, rests = [1], []
    for gap in gaps:
        if gap == 1:
            runs[-1] += 1
        else:
            rests.append(gap - 1)
            runs.append(1)
    complete = runs[:-1]
    if len(set(complete)) != 1 or len(set(rests)) != 1 or runs[-1] > complete[0] or complete[0] == 1:
        return Issue(IssueCode.AMBIGUOUS_TIMING, "the planned dates follow no pattern")
    days_on = complete[0]
    return Rate(times, times, ScheduleKind.DAILY), Course(days_on=days_on, cycle_days=days_on + rests[0])
