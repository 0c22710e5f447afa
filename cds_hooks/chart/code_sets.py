"""Recognising clinical concepts by the code sets of the knowledge: codes first, words of an uncoded entry last."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cds_hooks.chart import fhir
from cds_hooks.chart.drugs import whole_words
from cds_hooks.chart.fhir import as_mapping, as_text
from cds_hooks.knowledge.terminology import CodeSet

_ICD_FORM = re.compile(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?")
_ICD_SHORTEST = 3
_FEW_WORDS_ON = r"(?:[^\w.,;|]+[\w/-]+){0,4}[^\w.,;|]*$"
_PAST_BEFORE = re.compile(r"\b(?:history of|h/o|hx of|past|previous|prior|remote)" + _FEW_WORDS_ON)
_DENIAL_BEFORE = re.compile(
    r"\b(?:no|not|never|denie[sd]|without|negative for|ruled? out|r/o|family|fhx?|risk (?:of|for)|prevent\w*|"
    r"prophyla\w+|screen\w*|becom\w+|get|getting|plan\w*|desire\w*|wants?|schedul\w+|consider\w*|declin\w+|"
    r"refus\w+|candidate for|removal of|removed)" + _FEW_WORDS_ON
)
_DENIAL_AFTER = re.compile(
    r"\W{1,3}(?:prophyla\w+|prevention|screening|risk|test(?:ing)?|vaccin\w+|immuni\w+|immune|exposure|ruled out|"
    r"remov(?:al|ed)|expelled|unlikely|negative|not found)\b"
)


@dataclass(frozen=True, slots=True)
class CodeSetMatch:
    """Why a concept belongs to a code set.

    Attributes:
        code_set: key of the code set.
        code: the code that decided, "" when words did.
        text: display of the code, or the words.
        past: the words say that it is history ("history of pneumonia").
    """

    code_set: str
    code: str
    text: str
    past: bool = False


class CodeSetIndex:
    """Sorts CodeableConcepts into the code sets of the knowledge; built once at start."""

    def __init__(self, code_sets: Mapping[str, CodeSet]) -> None:
        self._exact: dict[str, dict[str, frozenset[str]]] = {fhir.SNOMED: {}, fhir.LOINC: {}, fhir.RXNORM: {}}
        self._icd: dict[str, frozenset[str]] = {}
        self._icd_cut: dict[str, frozenset[str]] = {}
        self._excluded: dict[str, frozenset[str]] = {}
        self._names: dict[str, frozenset[str]] = {}
        for key, code_set in code_sets.items():
            tables = ((fhir.SNOMED, code_set.SNOMED), (fhir.LOINC, code_set.LOINC), (fhir.RXNORM, code_set.RxNorm))
            for system, rows in tables:
                for row in rows:
                    if row.verified:
                        _add(self._exact[system], row.code, key)
            for row in code_set.ICD10CM:
                if row.verified:
                    _add(self._icd, _bare_icd(row.code), key)
            for left_out in code_set.excluded:
                if _ICD_FORM.fullmatch(left_out.code):
                    _add(self._icd_cut, _bare_icd(left_out.code), key)
                else:
                    _add(self._excluded, left_out.code, key)
            for name in code_set.names:
                _add(self._names, as_text(name).casefold(), key)
        self._pattern = whole_words(self._names)

    def matches(self, concept: object, *code_sets: str) -> CodeSetMatch | None:
        """Return why a concept is in one of the given code sets (in any, without arguments); None if it is not."""
        found = self.find(concept)
        return next((found[key] for key in code_sets or sorted(found) if key in found), None)

    def sets_of(self, concept: object) -> frozenset[str]:
        """Return all code sets a concept is in."""
        return frozenset(self.find(concept))

    def find(self, concept: object) -> dict[str, CodeSetMatch]:
        """Return all code sets a concept is in, and why. Words decide only where it has no code of a known system.

        Args:
            concept: CodeableConcept, list of them, Coding, or R5 CodeableReference; other JSON matches nothing.
        """
        concept = concept_of(concept)
        found: dict[str, CodeSetMatch] = {}
        excluded: frozenset[str] = frozenset()
        texts = {as_text(as_mapping(concept).get("text")): None}
        known = False
        for row in fhir.codings(concept):
            if row.system == fhir.ICD10CM:
                keys = frozenset(self._icd_sets(row.code))
            elif row.system in self._exact:
                keys = self._exact[row.system].get(row.code, frozenset())
                excluded |= self._excluded.get(row.code, frozenset())
            else:
                texts[row.display] = None
                continue
            known = True
            for key in keys:
                found.setdefault(key, CodeSetMatch(key, row.code, row.display))
        for text in () if known else texts:
            for match in self.named(text):
                found.setdefault(match.code_set, match)
        return {key: match for key, match in found.items() if key not in excluded}

    def named(self, text: str) -> Iterator[CodeSetMatch]:
        """Yield the code sets a free text names, unless it denies them, plans them or speaks of the family."""
        folded = as_text(text).casefold()
        for hit in self._pattern.finditer(folded):
            before = folded[: hit.start()]
            if not _DENIAL_BEFORE.search(before) and not _DENIAL_AFTER.match(folded, hit.end()):
                past = _PAST_BEFORE.search(before) is not None
                yield from (CodeSetMatch(key, "", text, past) for key in sorted(self._names[hit[0]]))

    def _icd_sets(self, code: str) -> Iterator[str]:
        """Yield the sets whose category a code is in; of a set's categories and exclusions the longest decides."""
        code = _bare_icd(code)
        decided: frozenset[str] = frozenset()
        for length in range(len(code), _ICD_SHORTEST - 1, -1):
            category = code[:length]
            listed = self._icd.get(category, frozenset()) - decided
            yield from listed
            decided |= listed | self._icd_cut.get(category, frozenset())


def _bare_icd(code: str) -> str:
    return code.replace(".", "").replace(" ", "").upper()


def _add(table: dict[str, frozenset[str]], key: str, value: str) -> None:
    table[key] = table.get(key, frozenset()) | {value}


def concept_of(value: object) -> object:
    """Return the concept of an R5 CodeableReference; anything else unchanged."""
    if isinstance(value, Mapping) and "coding" not in value and "text" not in value:
        if isinstance(value.get("concept"), Mapping):
            return value["concept"]
        if isinstance(value.get("reference"), Mapping):
            return {"text": value["reference"].get("display")}
    return value
