"""Phrases that say how often and when."""

from __future__ import annotations

import re

from .items import (
    BARE_NUM,
    NUM,
    DaysPerWeek,
    Dialysis,
    Interval,
    Item,
    Marker,
    PerDay,
    PerWeek,
    Rule,
    TimeOfDay,
    Weekdays,
    rule,
)
from .normalise import CONSUMED, number

_ADVERBS = {"once": 1.0, "twice": 2.0, "thrice": 3.0}
_LATIN = {"bid": 2.0, "bd": 2.0, "tid": 3.0, "tds": 3.0, "qid": 4.0, "qds": 4.0}
_UNIT_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "m": 30.4375}
_DAYS_PER_MONTH = 30.4375
_TIMES = rf"(?:(?P<adverb>once|twice|thrice)|(?P<low>{NUM})(?: ?(?:-|to|or) ?(?P<high>{BARE_NUM}))? ?(?:x|times?))"
_PER = r"(?: ?(?:a|per|each|every|/|in a) ?| ?-?)"

_WEEKDAY = (
    r"(?:mon(?:days?)?|tue(?:s(?:days?)?)?|wed(?:nesdays?|s)?|thu(?:r(?:s(?:days?)?)?)?|fri(?:days?)?|sat(?:urdays?)?"
    r"|sun(?:days?)?)"
)
_FULL_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_AND_DAY = r" ?(?:/|,(?: ?and)?|and|&|-|\+)? ?"
_ORDER = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DIALYSIS = r"(?:hemo|haemo)?(?:dialysis|hd)\b"
_DIALYSIS_DAYS = r"(?<!non-)(?<!non )(?:(?:(?:hemo|haemo)?dialysis|hd) days?|days of (?:hemo|haemo)?dialysis)\b"
_CLOCK = r"\d{1,2}(?::\d{2})?"
_INTERVAL_UNIT = r"(?P<unit>hours?|hourly|hrs?|h|days?|d|weeks?|wks?|w|months?|mo)\b"
_INITIALS = {"mwf": ("mon", "wed", "fri"), "tts": ("tue", "thu", "sat"), "tths": ("tue", "thu", "sat")}


def _times(match: re.Match[str]) -> tuple[float, float]:
    if match["adverb"]:
        return _ADVERBS[match["adverb"]], _ADVERBS[match["adverb"]]
    low = number(match["low"])
    return low, number(match["high"]) if match["high"] else low


def _times_per_week(match: re.Match[str]) -> Item:
    return PerWeek(_times(match)[1])


def _interval(match: re.Match[str]) -> Item:
    days = _UNIT_DAYS[match["unit"][0]]
    low = number(match["low"]) * days
    return Interval(low, number(match["high"]) * days if match["high"] else low)


def _weekday_list(match: re.Match[str]) -> Item:
    return Weekdays(frozenset(day[:3] for day in re.findall(_WEEKDAY, match[0])))


def _weekday_span(match: re.Match[str]) -> Item:
    first, last = _ORDER.index(match["first"][:3]), _ORDER.index(match["last"][:3])
    days = _ORDER[first : last + 1] if first <= last else _ORDER[first:] + _ORDER[: last + 1]
    return Weekdays(frozenset(days))


def _weekday_initials(match: re.Match[str]) -> Item:
    return Weekdays(frozenset(_INITIALS[re.sub(r"[^a-z]", "", match[0])]))


RULES: tuple[Rule, ...] = (
    rule(
        "at the same time",
        r"\b(?:at )?(?:about )?(?:the )?same time(?: of day)? (?:each|every) day\b",
        PerDay(1, 1),
        "at the same time each day",
    ),
    rule(
        "on dialysis days",
        rf"\b(?:(?:on|each|every) )?{_DIALYSIS_DAYS}(?:,? (?:take |give )?after (?:the )?{_DIALYSIS})?"
        rf"|\b(?:after|following|post)[ -]?(?:each |every |completion of |the )*{_DIALYSIS}(?: sessions?| treatments?)?"
        rf"(?: on {_DIALYSIS_DAYS})?",
        Dialysis(),
        "after dialysis on dialysis days",
    ),
    rule(
        "times a day",
        rf"\b{_TIMES}{_PER}(?:day|daily|24 hours|d)\b",
        lambda match: PerDay(*_times(match)),
        "2 times a day",
    ),
    rule(
        "days a week",
        rf"\b(?P<days>{BARE_NUM}) days? ?(?:a|per|each|every|/|out of the|weekly) ?(?:week|wk)?\b",
        lambda match: DaysPerWeek(number(match["days"])),
        "5 days a week",
    ),
    rule("times a week", rf"\b{_TIMES}{_PER}(?:week|weekly|wk)\b", _times_per_week, "three times a week"),
    rule("times a week, latin", r"\btiw\b", PerWeek(3), "tiw"),
    rule(
        "times a day, latin",
        r"\b(?P<latin>bid|bd|tid|tds|qid|qds)\b",
        lambda match: PerDay(_LATIN[match["latin"]], _LATIN[match["latin"]]),
        "bid",
    ),
    rule(
        "every other day",
        r"\b(?:every (?:other|second|2nd|alternate)|(?:on )?alternat(?:e|ing)) days?\b"
        r"|\bq ?other day\b|\b(?:qod|eod)\b",
        Interval(2, 2),
        "every other day",
    ),
    rule("every third day", r"\bevery (?:third|3rd) day\b", Interval(3, 3), "every third day"),
    rule("every other week", r"\bevery (?:other|second|2nd) week\b", Interval(14, 14), "every other week"),
    rule(
        "interval",
        rf"\b(?:every|each|q) ?(?P<low>{BARE_NUM})(?: ?(?:-|to) ?(?P<high>{BARE_NUM}))?[ -]?{_INTERVAL_UNIT}",
        _interval,
        "every 6 hours",
    ),
    rule(
        "span of weekdays",
        rf"\b(?:on )?(?P<first>{_WEEKDAY}) ?(?:-|through|thru|to) ?(?P<last>{_WEEKDAY})\b",
        _weekday_span,
        "monday through friday",
    ),
    rule("weekday initials", r"\b(?:on )?(?:m[/, -]?w[/, -]?f|t[/, -]?th?[/, -]?s)\b", _weekday_initials, "mwf"),
    rule(
        "weekdays",
        rf"\b(?:on |every |each )?{_WEEKDAY}(?:{_AND_DAY}\b{_WEEKDAY})+\b"
        rf"|\b(?:on |every |each ){_WEEKDAY}\b|\b{_FULL_WEEKDAY}\b",
        _weekday_list,
        "mon/wed/fri",
    ),
    rule(
        "weekly",
        r"\b(?:weekly|(?:every|each|per|a|q) ?(?:week|wk)|qwk)\b|/ ?(?:week|wk)\b",
        PerWeek(1),
        "1 capsule per week",
    ),
    rule(
        "monthly",
        r"\b(?:once )?(?:monthly|(?:every|each|per|a) month)\b",
        Interval(_DAYS_PER_MONTH, _DAYS_PER_MONTH),
        "monthly",
    ),
    rule(
        "clock time",
        rf"\b(?:at )?(?P<time>{_CLOCK} ?(?:am|pm))\b"
        r"|\bat (?P<time_2>\d{1,2}:\d{2}|\d{4})(?![\d:]| ?m?c?g\b)(?: ?(?:h|hrs|hours)\b)?",
        lambda match: TimeOfDay((match["time"] or match["time_2"]).replace(" ", ""), is_clock=True),
        "at 8:00 pm",
    ),
    rule(
        "morning",
        r"\b(?:(?:in the|every|each|q) ?)?mornings?\b|\b(?:q|every|each)? ?am\b"
        r"|\b(?:(?:with|after|before|at) )?breakfast\b",
        TimeOfDay("morning"),
        "in the morning",
    ),
    rule(
        "noon",
        r"\b(?:at )?(?:noon|midday|(?:with |after |before )?lunch(?:time)?)\b",
        TimeOfDay("noon"),
        "at noon",
    ),
    rule("afternoon", r"\b(?:(?:in the|every|each) )?afternoons?\b", TimeOfDay("afternoon"), "in the afternoon"),
    rule(
        "evening",
        r"\b(?:(?:in the|every|each|q) ?)?evenings?\b|\b(?:q|every|each)? ?pm\b"
        r"|\b(?:(?:with|after|before|at) )?(?:dinner|supper)\b",
        TimeOfDay("evening"),
        "in the evening",
    ),
    rule(
        "bedtime",
        r"\b(?:(?:at|before|every|each|q) ?)?bed ?time\b|\bbefore bed\b|\bnightly\b"
        r"|\b(?:(?:every|each|at|the|in the) )?nights?\b|\bq? ?hs\b",
        TimeOfDay("bedtime"),
        "at bedtime",
    ),
    rule(
        "daily",
        r"\bonce[ -]daily\b|\b(?:daily|every ?day|each day|q ?1? ?d(?:ay|aily)?|od|(?:per|a) day)\b|/ ?(?:day|d)\b",
        PerDay(1, 1),
        "daily",
    ),
)

JOINS: tuple[Rule, ...] = (
    rule(
        "then",
        r"\b(?:then|followed by|thereafter|after that|afterwards?|subsequently)\b",
        Marker.THEN,
        "then 10 mg daily",
    ),
    rule(
        "and",
        rf"\b(?:and|plus)\b|[&+]|\b(?:along |together )?with(?= {CONSUMED})",
        Marker.AND,
        "10 mg and 5 mg",
    ),
)
