"""Phrases without a dose in them, and phrases that must not be mistaken for one.

`RULES` are looked for first, so that the numbers in them (dates, telephone numbers, quantities) are out of the way;
`CONDITIONS` come after the rest days, because "then hold for 7 days" is no condition. A condition that contains an
amount is no noise: it makes the text ambiguous.
"""

from __future__ import annotations

import re

from .items import CAPS, MASS_UNIT, NUM, TO_END, Ambiguous, Item, Marker, Rule, Unread, rule

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DATE = (
    r"(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?|\d{{1,2}} {_MONTH}(?: \d{{4}})?)"
)
_WEEKDAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?,?"
_REFERENCE = (
    r"(?:rems|auth(?:orization)?|conf(?:irmation)?|survey|rx|prescription|ndc|lot|ref(?:erence)?|mrn|npi|dea|patient"
    r"|id)"
)
_REFERENCE_DETAIL = r"(?: (?:program|authorization|auth|confirmation|survey|risk|category|code|id))*"
_PROGRESSION = (
    r"(?:(?:disease )?(?:progression|progressive disease|relapse)|(?:unacceptable )?(?:toxicity|intolerance)"
    r"|further notice|(?:told|instructed) otherwise)"
)
_LIMIT = r"(?:not to exceed|do not exceed|no more than|max(?:imum)?(?: of)?|mdd|nte)"
_A_DAY = r"(?: ?(?:/|per|a|each|in|every|in any|in a)? ?(?:day|daily|24[ -]?(?:hours?|hrs?|h)(?: period)?|dose)\b)?"
_NO_AMOUNT_AHEAD = r"(?! ?-? ?(?:days?|weeks?|mg|mcg|caps?|capsules?|tab|tablets?)\b)"
# A prohibition ends with its sentence, or where ", take …" gives the order itself.
_TO_NEXT_ORDER = r"(?:(?!, ?(?:but |then |instead |just )?(?:take|give|use)\b)(?:[^.;]|\.(?=\d)))*"
_AMOUNT = re.compile(rf"{NUM} ?(?:{MASS_UNIT}|{CAPS})")


def _conditional(match: re.Match[str]) -> Item:
    return Ambiguous("an amount depends on a condition") if _AMOUNT.search(match[0]) else Unread.NOISE


RULES: tuple[Rule, ...] = (
    rule(
        "end date",
        rf"\b(?:until|through|thru|ending(?: on)?|ends?(?: on)?|stop(?: on)?) {_DATE}(?![\w/])",
        Unread.NOISE,
        "daily until 12/31/2030",
    ),
    rule(
        "first dose",
        # An inpatient sig: "DAILY, First dose on Mon 1/1/30 at 0900". The weekday is no schedule.
        r"\b(?:(?:first|next|last) dose|start(?:s|ing)?|begin(?:ning|s)?)"
        r"(?: (?:date|on|this|next|today|tomorrow))*[ :]*"
        rf"(?:{_WEEKDAY}(?: {_DATE})?(?!,? ?(?:and |& )?{_WEEKDAY})|{_DATE})(?![\w/])(?: at \d{{1,2}}:?\d{{2}}\b)?",
        Unread.NOISE,
        "first dose on mon 1/1/30 at 0900",
    ),
    rule(
        "date",
        rf"(?<![\w/.-])(?:(?:on )?{_WEEKDAY} )?{_DATE}(?![\w/]|[.-]\d)",
        Unread.NOISE,
        "started 2030-01-31, next 1/5/2030, on Jan 5, 2030",
    ),
    rule(
        "telephone",
        r"(?<![\w.])\+?(?:\d{1,2}[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)",
        Unread.NOISE,
        "questions: 1-888-555-0100",
    ),
    rule(
        "as needed",
        r"\b(?:as needed|prn|p r n|(?:if|when|as) (?:needed|required|necessary))\b",
        Marker.AS_NEEDED,
        "1 capsule daily as needed",
    ),
    rule(
        "reference number",
        rf"\b{_REFERENCE}\b\.?{_REFERENCE_DETAIL}(?: ?(?:number|no\.?|num|#|:))++[ #:]*[a-z]{{0,3}}-?\d[\w-]*+"
        r"(?! ?(?:mg|mcg|cap|tab))",
        Unread.NOISE,
        "rems auth # 12345678",
    ),
    rule("long number", r"(?<![\w.,/-])\d{7,}(?![\w.,/-]*\d)", Unread.NOISE, "authorisation 00123456789"),
    rule("diagnosis code", r"\b[a-z]\d{2}\.[0-9a-z]{1,4}\b|\bc\d{3,4}\b", Unread.NOISE, "for c90.00"),
    rule("days of supply", r"\b\d{1,3}[ -]?days? supply\b", Unread.NOISE, "28 day supply"),
    rule(
        "quantity to dispense",
        rf"(?:\b(?:dispense|quantity|(?:disp|qty)\.?)[ :#]+(?:of )?|# ?)\d{{1,4}}\b(?! ?-?(?:mg|mcg|g)\b)(?: ?{CAPS})?",
        Unread.NOISE,
        "dispense #21 capsules",
    ),
    rule("refills", r"\b(?:no refills?|refills?[: x#]*\d{1,2}\b|\d{1,2} refills?\b)", Unread.NOISE, "refills: 0"),
    rule(
        "water",
        r"\b(?:\d{1,3} ?(?:oz|ounces?|ml|cups?|glass(?:es)?)|(?:a|1|one)(?: full| large)? glass)\b",
        Unread.NOISE,
        "with 8 oz of water",
    ),
    rule(
        "distance from food",
        rf"\b(?:at least )?{NUM}(?: ?(?:-|to) ?{NUM})? ?(?:hours?|hrs?|h|minutes?|mins?) "
        r"(?:before|after|apart|prior|from)\b",
        Unread.NOISE,
        "at least 2 hours after a meal",
    ),
    rule(
        "food or not",
        r"\bwith(?: or |/)without (?:food|meals?)\b|\bregardless of (?:food|meals?)\b",
        Unread.NOISE,
        "with or without food",
    ),
    rule("single dose", r"\bas an? single (?:daily )?dose\b|\ball at once\b", Unread.NOISE, "as a single dose"),
    rule(
        "as directed",
        r"\b(?:as|per) (?:directed|instructed|prescribed|discussed|protocol|instructions?|package insert)\b",
        Unread.NOISE,
        "take as directed",
    ),
    rule(
        "until progression",
        rf"\b(?:or )?until {_PROGRESSION}(?: of disease)?(?: or {_PROGRESSION})?\b",
        Unread.NOISE,
        "daily until disease progression or unacceptable toxicity",
    ),
    rule(
        "number of cycles",
        r"\b(?:for |x ?|times )?(?:up to |a total of )?\d{1,2} cycles\b",
        Unread.NOISE,
        "for 6 cycles",
    ),
    rule(
        "first day of the cycle",
        r"\bday 1 of (?:each|every|the|a) cycle\b|\bstart(?:ing|s)? (?:on )?day 1\b(?! ?(?:-|to|thr))",
        Unread.NOISE,
        "starting on day 1",
    ),
    rule(
        "cycle number",
        rf"\bcycles? ?#?\d{{1,2}}\b{_NO_AMOUNT_AHEAD}(?: ?(?:-|to|of|/) ?\d{{1,2}}\b)?|\bc\d{{1,2}}d\d{{1,2}}\b",
        Marker.CYCLE_NUMBER,
        "cycle 3 of 6",
    ),
)

CONDITIONS: tuple[Rule, ...] = (
    rule(
        "missed dose",
        r"\b(?:if (?:you )?(?:miss|forget)|if (?:a |the )?dose is missed|missed doses?)(?:[^.]|\.(?=\d))*",
        Unread.NOISE,
        "if you miss a dose by less than 12 hours take it",
    ),
    rule(
        "limit",
        rf"\b{_LIMIT}\b(?: (?:daily|single|total|dose|of|is|recommended))*[ :=]*{NUM} ?(?:{MASS_UNIT}|{CAPS})"
        rf"(?: ?\([^)]*\))?{_A_DAY}",
        Unread.NOISE,
        "max 25 mg per day",
    ),
    rule(
        "prohibition",
        rf"\b(?:do not|don't|dont|never|avoid|must not|should not|cannot|can't)\b{_TO_NEXT_ORDER}",
        Unread.NOISE,
        "do not take more than 25 mg",
    ),
    rule(
        "hold rule",
        r"\b(?:hold|stop|interrupt|discontinue|delay|pause|call|contact|notify|report)\b(?:[^.;]|\.(?=\d))*?"
        rf"\b(?:if|for|when|until|unless)\b{TO_END}",
        _conditional,
        "hold if anc < 1000",
    ),
    rule("condition", rf"\b(?:if|unless|in case)\b{TO_END}", _conditional, "unless told otherwise"),
)
