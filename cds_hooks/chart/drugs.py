"""Which drug is meant: codes first, names last.

An order may carry several codings of one drug (Epic sends RxNorm codes of mixed term types beside its own), an NDC in
any of its spellings, an ATC code, or nothing but text. All look-ups are dictionary look-ups, because almost every
order is for some other drug and has to be let through at next to no cost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from cds_hooks.chart.fhir import (
    ATC,
    NDC,
    RXNORM,
    SNOMED,
    as_list,
    as_mapping,
    as_text,
    canonical_system,
    codings,
    concept_text,
)
from cds_hooks.knowledge.terminology import Drug, DrugClass, DrugCode

_WORD = re.compile(r"\w+")
_NDC_FORM = re.compile(r"[\d*]+(?:-[\d*]+){0,2}")
_ATC_LENGTH = 7
_LONGEST_SYSTEM = 200  # a longer URI is none we know, and would only fill the cache


class MatchBasis(Enum):
    """What identified the drug."""

    CODE = "code"
    NAME = "name"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DrugMatch:
    """A drug identified, or not.

    Attributes:
        drugs: drug keys of the knowledge; the key of a drug class where only its ATC group matched.
        basis: whether codes or the display text identified it.
        strength_mg: content of one unit (capsule, tablet) in mg, None unless the codes agree on one.
        text: the drug as the clinician should read it.
    """

    drugs: frozenset[str]
    basis: MatchBasis
    strength_mg: float | None
    text: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one code means."""

    drugs: frozenset[str]
    strength_mg: float | None
    display: str


class DrugIndex:
    """Identifies drugs by the knowledge; built once at start."""

    def __init__(self, drugs: Mapping[str, Drug], classes: Mapping[str, DrugClass]) -> None:
        self._tables: dict[str, dict[str, _Entry]] = {RXNORM: {}, SNOMED: {}, ATC: {}, NDC: {}}
        self._excluded: dict[str, frozenset[str]] = {}
        self._blocked: dict[str, re.Pattern[str]] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._members: dict[str, frozenset[str]] = {}
        self._classes = {key: frozenset(drug.classes) for key, drug in drugs.items()}
        for key, drug in drugs.items():
            self._add_drug(key, drug)
        self._class_prefixes: dict[str, frozenset[str]] = {}
        for key, drug_class in classes.items():
            self._members[key] = frozenset({key, *(name for name, drug in drugs.items() if key in drug.classes)})
            for code in drug_class.ATC:
                if code.verified:
                    _add(self._class_prefixes, code.code, key)
        self._prefix_lengths = tuple(sorted({len(prefix) for prefix in self._class_prefixes}, reverse=True))
        self._name_pattern = whole_words(self._names)
        self._first_words = frozenset(word for name in self._names for word in _WORD.findall(name)[:1])

    def _add_drug(self, key: str, drug: Drug) -> None:
        self._members[key] = frozenset({key})
        rows: tuple[tuple[str, tuple[DrugCode, ...]], ...] = (
            (RXNORM, drug.RxNorm),
            (SNOMED, drug.SNOMED),
            (ATC, drug.ATC),
            (NDC, drug.NDC),
        )
        for system, codes in rows:
            for row in codes:
                if row.verified:
                    for code in ndc_products(row.code) if system == NDC else (row.code,):
                        self._add_code(system, code, key, row)
        for name in drug.names:
            _add(self._names, _fold(name), key)
        # A neighbouring code takes a drug out only where the drug is known to have other forms. Elsewhere it is a
        # trap kept for reference, and must not silence a good code that stands beside it.
        if blockers := (*drug.not_names, *drug.routes_excluded):
            self._blocked[key] = whole_words(map(_fold, blockers))
            for left_out in drug.excluded:
                for code in ndc_products(left_out.code) if "-" in left_out.code else (left_out.code,):
                    _add(self._excluded, code, key)

    def _add_code(self, system: str, code: str, key: str, row: DrugCode) -> None:
        known = self._tables[system].get(code)
        if known is None:
            self._tables[system][code] = _Entry(frozenset({key}), row.strength_mg, row.display)
        else:  # the code does not say which of several drugs it is
            self._tables[system][code] = _Entry(known.drugs | {key}, None, known.display)

    def members(self, class_or_drug: str) -> frozenset[str]:
        """Return the drug keys a class or a drug stands for.

        A class contains its own key too: a drug known only by the ATC group of the class is reported under it.

        Raises:
            KeyError: no drug or class of this name.
        """
        return self._members[class_or_drug]

    def identify(self, medication: object, *, route_and_form: str = "") -> DrugMatch:
        """Identify a drug.

        Args:
            medication: a CodeableConcept or a Medication resource of any FHIR version; any other JSON is no drug.
            route_and_form: words for route, site and dose form of the order.
        """
        if (
            isinstance(medication, Mapping)
            and ("coding" in medication or isinstance(medication.get("text"), str))
            and "resourceType" not in medication
        ):
            return self._identify_concept(medication, route_and_form)
        words = f"{route_and_form} {_form_of(medication)}"
        return _merge([self._identify_concept(concept, words) for concept in _concepts(medication)])

    def depends_on_form(self, drugs: frozenset[str]) -> bool:
        """Whether words for route, site or dose form may still tell that one of these drugs is not meant."""
        return not self._blocked.keys().isdisjoint(drugs)

    def identify_text(self, text: str) -> DrugMatch:
        """Identify the drugs a text names."""
        text = as_text(text)
        drugs = self._unblocked(self._named(text), (text,))
        return DrugMatch(drugs, MatchBasis.NAME if drugs else MatchBasis.NONE, None, text)

    def _identify_concept(self, concept: Mapping[str, Any], route_and_form: str) -> DrugMatch:
        text = as_text(concept.get("text"))
        displays: list[str] = []
        entries: list[_Entry] = []
        excluded: frozenset[str] = frozenset()
        named: frozenset[str] = frozenset()
        free_texts = [text]
        something_else = False
        first_code = ""
        for system, code, display in _rows(concept):
            first_code = first_code or code
            if display:
                displays.append(display)
            if system not in self._tables:
                free_texts.append(display)  # a vendor's own code says nothing, but its words may
                continue
            found, left_out = self._look_up(system, code)
            entries += found
            excluded |= left_out
            if not found and display and (system != ATC or len(code) == _ATC_LENGTH):
                names = self._named(display)
                named |= names
                something_else = something_else or not names
        if entries:
            drugs, basis = self._combine(entries), MatchBasis.CODE
        else:
            if not something_else:
                named = named.union(*map(self._named, filter(None, free_texts)))
            drugs, basis = named, MatchBasis.NAME
        if drugs:
            drugs = self._unblocked(drugs - excluded, (*displays, text, route_and_form))
        shown = text or (
            displays[0] if displays else next((entry.display for entry in entries if entry.display), first_code)
        )
        if not drugs:
            return DrugMatch(drugs, MatchBasis.NONE, None, shown)
        strengths = {entry.strength_mg for entry in entries if entry.drugs <= drugs} - {None}
        agreed = strengths.pop() if len(strengths) == 1 and len(drugs) == 1 else None
        return DrugMatch(drugs, basis, agreed, shown)

    def _look_up(self, system: str, code: str) -> tuple[list[_Entry], frozenset[str]]:
        """Return what a code means, and the drugs it says are not meant."""
        table = self._tables[system]
        if system == NDC:
            products = ndc_products(code)
            left_out = frozenset[str]().union(*(self._excluded.get(key, ()) for key in products))
            return [table[key] for key in products if key in table], left_out
        if system == ATC:
            code = code.upper()
        entry = table.get(code)
        if entry is None and system == ATC:
            groups = {key for n in self._prefix_lengths for key in self._class_prefixes.get(code[:n], ())}
            if groups:
                entry = _Entry(frozenset(groups), None, "")
        return [entry] if entry else [], self._excluded.get(code, frozenset())

    def _combine(self, entries: list[_Entry]) -> frozenset[str]:
        """Return the drugs several codes of one concept agree on; all of them when they agree on none.

        A drug class does not stand beside a member that another code names.
        """
        sets = [entry.drugs for entry in entries]
        drugs = frozenset.intersection(*sets) or frozenset().union(*sets)
        known_classes = frozenset[str]().union(*(self._classes[drug] for drug in drugs if drug in self._classes))
        return drugs - known_classes

    def _named(self, text: str) -> frozenset[str]:
        """Return the drugs named as whole words; the first words decide quickly that there are none."""
        folded = text.casefold()
        if self._first_words.isdisjoint(_WORD.findall(folded)):
            return frozenset()
        return frozenset[str]().union(*(self._names[name] for name in self._name_pattern.findall(folded)))

    def _unblocked(self, drugs: frozenset[str], texts: Iterable[str]) -> frozenset[str]:
        """Leave out the drugs that a word of the texts says are not meant (an antibody against digoxin, eye drops)."""
        if self._blocked.keys().isdisjoint(drugs):
            return drugs
        words = _fold(" | ".join(texts))
        return frozenset(key for key in drugs if key not in self._blocked or not self._blocked[key].search(words))


_canonical = lru_cache(maxsize=1024)(canonical_system)


def _rows(concept: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield system, code and display of the codings: what `codings` yields, at a third of its price, since every
    order of a hospital passes here."""
    rows = concept.get("coding")
    if not isinstance(rows, list) or not rows:
        yield from ((row.system, row.code, row.display) for row in codings(concept))
        return
    for row in rows:
        if isinstance(row, Mapping):
            system, code = row.get("system"), row.get("code")
            if not (isinstance(code, str) and code.isalnum() and code.isascii()):
                code = as_text(code)
            if code:
                short = isinstance(system, str) and len(system) < _LONGEST_SYSTEM
                yield _canonical(system) if short else "", code, as_text(row.get("display"))


def ndc_products(code: str) -> tuple[str, ...]:
    """Return the labeler and product parts an NDC may mean, as nine digits (labeler 5, product 4).

    Hyphenated codes (4-4-2, 5-3-2, 5-4-1, 5-4-2, or without package) mean one product. Ten digits without hyphens
    may be any of the three, and fewer are eleven whose leading zeros a number type ate.
    """
    code = "".join(code.split())
    if not _NDC_FORM.fullmatch(code):
        return ()
    code = code.replace("*", "0")  # FDA listings pad with an asterisk
    if "-" in code:
        labeler, product = code.split("-")[:2]
        labeler, product = labeler.lstrip("0").zfill(5), product.lstrip("0").zfill(4)
        return (labeler + product,) if (len(labeler), len(product)) == (5, 4) else ()
    found: tuple[str, ...] = ()
    match len(code):
        case 11:
            found = (code[:9],)
        case 10:
            found = ("0" + code[:8], code[:5] + "0" + code[5:8], code[:9])
        case 12 if code.startswith("0"):
            found = (code[1:10],)
        case 8 | 9:
            found = (code.zfill(11)[:9], code.zfill(9))
    return tuple(dict.fromkeys(found))


def whole_words(phrases: Iterable[str]) -> re.Pattern[str]:
    """Compile phrases into one pattern that finds them as whole words, the longest first."""
    ordered = sorted(set(phrases), key=lambda phrase: (-len(phrase), phrase))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, ordered))})(?!\w)" if ordered else r"(?!)")


def _fold(text: str) -> str:
    return as_text(text).casefold()


def _add(table: dict[str, frozenset[str]], key: str, value: str) -> None:
    table[key] = table.get(key, frozenset()) | {value}


def _concepts(medication: object) -> Iterator[Mapping[str, Any]]:
    """Yield the concepts of a CodeableConcept, a CodeableReference, or a Medication with its active ingredients."""
    if isinstance(medication, str):
        yield {"text": medication}
        return
    if isinstance(medication, list):
        yield from (one for one in medication if isinstance(one, Mapping))
        return
    medication = as_mapping(medication)
    if isinstance(medication.get("concept"), Mapping):
        yield medication["concept"]
        return
    product = as_mapping(medication.get("product"))
    ingredients = [*as_list(medication.get("ingredient")), *as_list(product.get("ingredient"))]
    if not ingredients and not isinstance(medication.get("code"), Mapping | list):
        yield medication
        return
    yield from map(as_mapping, as_list(medication.get("code")))
    for row in map(as_mapping, ingredients):
        if row.get("isActive") is False:
            continue
        item = as_mapping(row.get("item"))
        concept = as_mapping(row.get("itemCodeableConcept")) or as_mapping(item.get("concept")) or item
        if "coding" in concept or "text" in concept:
            yield concept
        else:
            yield from _referenced_ingredient(row, medication)


def _referenced_ingredient(row: Mapping[str, Any], medication: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the concept of an ingredient that is a Reference: a contained resource, else its display text.

    The Reference is the item itself in DSTU2, `itemReference` in STU3 and R4, and inside a CodeableReference in R5.
    """
    item = as_mapping(row.get("item"))
    reference = as_mapping(row.get("itemReference")) or as_mapping(item.get("reference")) or item
    target = as_text(reference.get("reference"))
    for one in map(as_mapping, as_list(medication.get("contained"))):
        if target == f"#{as_text(one.get('id'))}":
            code = as_mapping(one.get("code"))
            yield as_mapping(code.get("concept")) or code  # a Substance of R5 has a CodeableReference
            return
    yield {"text": as_text(reference.get("display"))}


def _form_of(medication: object) -> str:
    """Return the dose form of a Medication resource in words."""
    resource = as_mapping(medication)
    product = as_mapping(resource.get("product"))
    return " ".join(map(concept_text, (resource.get("form"), resource.get("doseForm"), product.get("form"))))


def _merge(matches: list[DrugMatch]) -> DrugMatch:
    """Join the matches of several concepts of one Medication; codes outrank names."""
    text = next((match.text for match in matches if match.text), "")
    for basis in (MatchBasis.CODE, MatchBasis.NAME):
        chosen = [match for match in matches if match.basis is basis]
        if chosen:
            drugs = frozenset[str]().union(*(match.drugs for match in chosen))
            strengths = {match.strength_mg for match in chosen} - {None}
            agreed = strengths.pop() if len(strengths) == 1 and len(drugs) == 1 else None
            return DrugMatch(drugs, basis, agreed, text)
    return DrugMatch(frozenset(), MatchBasis.NONE, None, text)
