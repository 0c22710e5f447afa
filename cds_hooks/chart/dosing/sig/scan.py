"""From a normalised sig to items in reading order, and what no pattern has claimed."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from msgspec import Struct

from . import rules_amount, rules_course, rules_noise, rules_rate
from .items import Ambiguous, Item, Rule, SigAmount, SigStrength
from .normalise import CONSUMED, MAX_SIG_LENGTH, WORD_NUMBERS, normalise

RULES: tuple[Rule, ...] = (
    *rules_noise.RULES,
    *rules_course.REST_RULES,
    *rules_noise.CONDITIONS,
    *rules_course.RULES,
    *rules_amount.RULES,
    *rules_rate.RULES,
    *rules_rate.JOINS,
)
"""The table in the order of application; a phrase claimed by one row is invisible to the later ones."""

# Left over, these mean that something about dose or time was said and not understood.
_UNCLAIMED = re.compile(
    rf"\S*\d\S*|\b(?:(?!one\b)(?:{WORD_NUMBERS})|eleven|thirteen|sixteen|seventeen|eighteen|nineteen|thirty|forty|fifty|hundred|alternat\w*|except\w*|exclud\w*|skip\w*|omit\w*"
    r"|increas\w*|decreas\w*|titrat\w*|taper\w*|escalat\w*|adjust\w*|reduce|or|not|if|unless|until|other|off|rest"
    r"|odd|even|half|halves|quarter|fraction|once|twice|thrice|double|triple|bi-?weekly|bi-?monthly|semi\w*"
    r"|fortnight\w*|every|hours?|hourly|days?|weeks?|weekdays?|weekends?|months?|years?|cycles?|dialysis|non-dialysis"
    r"|(?:m|tu?|w|th|f|sa?|su)(?:[/,](?:m|tu?|w|th|f|sa?|su))+)\b"
)
# Words that may stand directly before an amount of the drug itself. Behind any other word the amount may be another
# drug's ("with dexamethasone 40 mg").
# fmt: off
_LEADING_WORDS = frozenset((
    "take", "takes", "taking", "taken", "give", "given", "administer", "administered", "swallow", "ingest", "use",
    "receive", "sig", "dose", "doses", "dosage", "of", "at", "on", "is", "be", "start", "starting", "begin", "resume",
    "continue", "continuing", "total", "and", "plus", "to", "then", "po", "oral", "orally", "mouth", "drug",
    "medication", "medicine", "prescribed", "ordered", "order", "with", "the", "a", "an", "single", "only", "just",
    "patient", "should",
))
# fmt: on
# fmt: off
_PARTNER_DRUGS = frozenset((
    "dexamethasone", "dex", "decadron", "prednisone", "prednisolone", "rituximab", "rituxan", "obinutuzumab",
    "bortezomib", "velcade", "carfilzomib", "kyprolis", "daratumumab", "darzalex", "ixazomib", "ninlaro",
    "elotuzumab", "isatuximab", "cyclophosphamide", "melphalan", "aspirin", "asa", "apixaban", "eliquis",
    "enoxaparin", "warfarin", "acyclovir", "valacyclovir", "allopurinol",
))
# fmt: on
_WORD_BEFORE = re.compile(r"([a-z][a-z'-]*)[ (\[:=]*$")
_WORD_AFTER = re.compile(r"[ )\]]*(?:of )?([a-z][a-z'-]*)")
_SHOWN_REASONS = 5


class Placed(Struct, frozen=True):
    """An item with the name of its rule and its position in the normalised text."""

    start: int
    end: int
    rule: str
    item: Item


class Scan(Struct, frozen=True):
    """Items in reading order, and why the text cannot be relied on (empty when it can)."""

    items: tuple[Placed, ...]
    reasons: tuple[str, ...]


def scan(text: str, drug_words: AbstractSet[str]) -> Scan:
    """Apply the table to a sig; `drug_words` are lower-case words that name the ordered drug."""
    plain = normalise(text)
    if len(plain) > MAX_SIG_LENGTH:
        return Scan((), ("the text is too long for a sig",))
    rest = plain
    placed: list[Placed] = []
    for row in RULES:
        for match in row.finds(rest):
            placed.append(Placed(match.start(), match.end(), row.name, row.build(match)))
            rest = rest[: match.start()] + CONSUMED * len(match[0]) + rest[match.end() :]
    left = " ".join(rest.replace(CONSUMED, " ").split())
    placed.sort(key=lambda item: item.start)
    reasons = [item.item.reason for item in placed if isinstance(item.item, Ambiguous)]
    reasons += [f"“{match[0]}” is not understood" for match in _UNCLAIMED.finditer(left)]
    for item in placed:
        stranger = _other_drug(item, rest, drug_words)
        if stranger:
            reasons.append(f"the amount after “{stranger}” may be of another drug")
    return Scan(tuple(placed), tuple(dict.fromkeys(reasons))[:_SHOWN_REASONS])


def _other_drug(placed: Placed, rest: str, drug_words: AbstractSet[str]) -> str:
    """Return the word that makes an amount another drug's, or nothing."""
    if not isinstance(placed.item, (SigAmount, SigStrength)):
        return ""
    before, after = _WORD_BEFORE.search(rest[: placed.start]), _WORD_AFTER.match(rest[placed.end :])
    if after and after[1] in _PARTNER_DRUGS - drug_words:
        return after[1]
    if before is None or before[1] in drug_words:
        return ""
    known = before[1] in _LEADING_WORDS if isinstance(placed.item, SigAmount) else before[1] not in _PARTNER_DRUGS
    return "" if known else before[1]
