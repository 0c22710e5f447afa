"""Phrases about days on, days off, cycles and duration."""

from __future__ import annotations

import re

from .items import (
    BARE_NUM,
    DAYS_OR_WEEKS,
    Ambiguous,
    Continuous,
    CycleDays,
    CycleLength,
    Item,
    Length,
    OnOff,
    Rule,
    Unread,
    in_days,
    rule,
)
from .normalise import number

_LAST_DAY = 56  # two label cycles; higher "days" are no days of a cycle
_SHORTEST_CYCLE = 7
_DAYS_PER_MONTH = 30.4375

_OFF = (
    r"(?:off|rest(?:ing)?|breaks?|hold|stop|pause|none|nothing|(?:drug|treatment)[- ]free"
    r"|(?:no|without) (?:drug|medication|medicine|treatment|therapy|lenalidomide|capsules?))"
)
_JOIN = r"[ ,;/.-]*(?:(?:and|then|followed by|&|\+)[ ,]*)*"
_NOT_AN_AMOUNT = r"(?! ?(?:mg|mcg|g\b|gram|cap|tab|pill|times|x\b)|[ -]?(?:days?|d|weeks?|wks?)\b)"
_DAY_NUMBER = rf"\d{{1,2}}(?!\d){_NOT_AN_AMOUNT}"
_DAY_LIST = rf"{_DAY_NUMBER}(?: ?(?:-|to|thru|through|until|,(?: ?and)?|and|&) ?(?:days?|d)? ?{_DAY_NUMBER})*"
_EACH = r"(?: ?(?:a|an|each|every|the|your|repeated|repeating))*"
_CYCLE_TAIL = rf"{_EACH} ?(?P<cycle>{BARE_NUM})(?:[ -]?(?P<cycle_unit>{DAYS_OR_WEEKS}))?(?:[ -]?cycles?\b)?"
_SPAN = re.compile(r"(\d+) ?(?:-|to|thru|through|until) ?(?:days?|d)? ?(\d+)|(\d+)")


def _n_unit(count: str, unit: str) -> str:
    """Return the pattern of a number of days or weeks with the given group names."""
    return rf"(?P<{count}>{BARE_NUM})[ -]?(?P<{unit}>{DAYS_OR_WEEKS})"


def _day_span(first: str, last: str) -> str:
    """Return the pattern of "days 22-28" with the given group names."""
    return rf"days? ?(?P<{first}>\d{{1,2}}) ?(?:-|to|through|thru) ?(?:days?)? ?(?P<{last}>\d{{1,2}})\b"


def _listed_days(text: str) -> tuple[int, ...] | None:
    days: set[int] = set()
    for span in _SPAN.finditer(text):
        first, last = (int(span[1]), int(span[2])) if span[1] else (int(span[3]), int(span[3]))
        if not 0 < first <= last <= _LAST_DAY:
            return None
        days.update(range(first, last + 1))
    return tuple(sorted(days)) if days else None


def _cycle_days(match: re.Match[str]) -> Item:
    days = _listed_days(match["days"])
    cycle = in_days(match["cycle"], match["cycle_unit"]) if match["cycle"] else None
    if days is None or (cycle is not None and (cycle < _SHORTEST_CYCLE or cycle < days[-1])):
        return Ambiguous("the days of the cycle make no sense")
    return CycleDays(days, None if cycle is None else int(cycle))


def _days_of_cycle(match: re.Match[str]) -> Item:
    unit = match["on_unit"] if match["on_unit"] else match["cycle_unit"]
    on, cycle = in_days(match["on"], unit), in_days(match["cycle"], match["cycle_unit"])
    if not 0 < on <= cycle or cycle < _SHORTEST_CYCLE:
        return Ambiguous("the days of the cycle make no sense")
    return CycleDays(tuple(range(1, int(on) + 1)), int(cycle))


def _on_off(match: re.Match[str]) -> Item:
    unit = match["on_unit"]
    off = match["off"] or match["off_2"]
    off_unit = match["off_unit"] or match["off_unit_2"] or unit
    return OnOff(int(in_days(match["on"], unit)), int(in_days(off, off_unit)))


def _off_only(match: re.Match[str]) -> Item:
    off, unit = match["off"] or match["off_2"], match["off_unit"] or match["off_unit_2"]
    return OnOff(None, int(in_days(off, unit)))


def _rest_days(match: re.Match[str]) -> Item:
    first, last = (match["first"], match["last"]) if match["first"] else (match["first_2"], match["last_2"])
    on, cycle = int(first) - 1, int(last)
    if not 0 < on < cycle <= _LAST_DAY:
        return Ambiguous("the rest days make no sense")
    return CycleDays(tuple(range(1, on + 1)), cycle)


def _length(match: re.Match[str]) -> Item:
    count = match["count"] or "1"
    if match["unit"].startswith("m"):
        return Length(number(count) * _DAYS_PER_MONTH)
    return Length(in_days(count, match["unit"]))


_CYCLES = r"(?:[ -]?cycles?\b)?"
_REPEAT = (
    r"(?:repeat(?:ed|ing|s)?(?: the)?(?: cycles?| course)?|cycle(?: length)?|cycles? of)"
    r"(?: every| each| q| is)?[ :=]*"
)
_BEFORE_CYCLE = r"(?:(?:of|in|per|on|for|every|each)(?: an?| each| every)? |an? )"

REST_RULES: tuple[Rule, ...] = (
    rule(
        "rest days",
        rf"\b(?:{_OFF}|do not take|don't take)(?: (?!days?\b)[a-z]+){{0,3}} {_day_span('first', 'last')}"
        rf"|\b{_day_span('first_2', 'last_2')}[ :=-]*{_OFF}\b",
        _rest_days,
        "rest on days 22-28",
    ),
    rule(
        "days on, days off",
        rf"\b(?:for |x ?)?{_n_unit('on', 'on_unit')}(?: on\b)?{_JOIN}(?:"
        rf"(?:take |go )?{_OFF}\b(?: ?(?:for|x))? ?{_n_unit('off', 'off_unit')}"
        rf"|(?:take |have )?(?:a )?(?P<off_2>{BARE_NUM})[ -]?(?P<off_unit_2>{DAYS_OR_WEEKS})?(?: of)? ?{_OFF}\b"
        r")(?: period| days?| weeks?)?",
        _on_off,
        "for 21 days, then 7 days off",
    ),
    rule(
        "on, off",
        r"\b(?P<on>\d{1,2}) on[ ,/]*(?:and )?(?P<off>\d{1,2}) off\b(?: days)?",
        lambda match: OnOff(int(match["on"]), int(match["off"])),
        "21 on, 7 off",
    ),
    rule(
        "days off",
        r"\b(?:(?:then|with|followed by) )?(?:"
        rf"(?:take |have )?(?:a )?{_n_unit('off', 'off_unit')}(?: of)? ?{_OFF}\b(?: period)?(?: between cycles)?"
        rf"|{_OFF}\b(?: ?(?:for|x))? ?{_n_unit('off_2', 'off_unit_2')})",
        _off_only,
        "days 1-21, then 7 days off",
    ),
)

RULES: tuple[Rule, ...] = (
    rule(
        "listed days",
        rf"\b(?:on |for )?(?:days?|d) ?(?P<days>{_DAY_LIST})"
        rf"(?:[ ,(]*(?:of|out of|every|each|q|in|/|per)(?:{_CYCLE_TAIL}|{_EACH} cycles?\b))?",
        _cycle_days,
        "days 1-21 of each 28-day cycle",
    ),
    rule(
        "first days",
        rf"\b(?:the )?first {_n_unit('on', 'on_unit')} (?:of|out of|in){_EACH} "
        rf"?{_n_unit('cycle', 'cycle_unit')}{_CYCLES}",
        _days_of_cycle,
        "the first 21 days of every 28 day cycle",
    ),
    rule(
        "days of cycle",
        rf"\b(?:for |x ?)?(?P<on>{BARE_NUM})[ -]?"
        rf"(?:(?P<on_unit>{DAYS_OR_WEEKS}) ?(?:out of|of|every|each|q|/|in|per)|(?:out of|of|/))"
        rf"{_EACH} ?{_n_unit('cycle', 'cycle_unit')}{_CYCLES}",
        _days_of_cycle,
        "for 21 days of a 28 day cycle",
    ),
    rule(
        "days over cycle",
        r"(?<![\w/.])(?:21 ?(?:/|of|out of) ?28|14 ?(?:/|of|out of) ?(?:28|21))(?![\w/]|\.\d)",
        lambda match: CycleDays(tuple(range(1, int(match[0][:2]) + 1)), int(match[0][-2:])),
        "daily 21/28",
    ),
    rule(
        "all days of the cycle",
        r"\b(?:every|each) day of (?:each|every|the|a) (?:28[- ]days? )?cycle\b|\ball 28 days\b",
        Continuous(),
        "every day of the cycle",
    ),
    rule(
        "length of cycle",
        rf"\b(?:{_REPEAT}|{_BEFORE_CYCLE}|){_n_unit('count', 'unit')}[ -]?cycles?\b"
        rf"|\b{_REPEAT}{_n_unit('count_2', 'unit_2')}",
        lambda match: CycleLength(int(in_days(match["count"] or match["count_2"], match["unit"] or match["unit_2"]))),
        "repeat every 28 days",
    ),
    rule(
        "continuous",
        r"\bcontinu(?:ous|al)(?:ly)?\b|\buninterrupted(?:ly)?\b|\bnon-?stop\b"
        r"|\bwithout (?:any |a )?(?:interruptions?|breaks?|pauses?|rest(?: (?:days?|periods?))?|days? off)\b"
        r"|\b(?:with )?no (?:breaks?|rest(?: (?:days?|periods?))?|days? off|interruptions?)\b",
        Continuous(),
        "daily without interruption",
    ),
    rule(
        "duration",
        r"(?:\b(?:for|over|during)(?: the)?(?: next| first)?(?: a total of)? (?P<article>a(?= ))?|\b(?:x|duration:?) ?)"
        rf"(?P<count>(?(article)|{BARE_NUM}))[ -]?(?P<unit>days?|d|weeks?|wks?|w|months?|mo)\b",
        _length,
        "for 21 days",
    ),
    rule(
        "of each cycle",
        r"\b(?:(?:of|in|for|during|per) )?(?:(?:each|every|the|your|this|a) )?"
        r"(?:treatment |chemo(?:therapy)? )?cycles?\b",
        Unread.NOISE,
        "of each cycle",
    ),
)
