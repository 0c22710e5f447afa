"""Look-up of what an Observation measures, and of how a qualitative outcome is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_hooks.chart.fhir import LOINC, as_list, as_mapping, as_text, canonical_system
from cds_hooks.chart.labs.result import Outcome
from cds_hooks.knowledge.terminology import Analyte, QualitativeFile

_LOINC_SPELLINGS = frozenset({"", LOINC, f"{LOINC}/", "http://www.loinc.org", "2.16.840.1.113883.6.1", "loinc", "ln"})
"""Systems under which a LOINC code is accepted: also none at all, since the check digit makes a chance hit unlikely,
and dropping the result would hide it."""
_FINAL_PUNCTUATION = " .!;:*\"'"


class AnalyteIndex:
    """Finds the analyte of an Observation by its LOINC code. Unverified codes and displays never match."""

    def __init__(self, analytes: Mapping[str, Analyte]) -> None:
        """Build the index.

        Args:
            analytes: the analytes of the knowledge.

        Raises:
            ValueError: a code stands under two analytes.
        """
        self._by_code: dict[str, str] = {}
        self._excluded: dict[str, frozenset[str]] = {}
        self._hcg = frozenset(key for key, analyte in analytes.items() if analyte.units == "hcg")
        for key, analyte in analytes.items():
            for row in analyte.LOINC:
                if row.verified and self._by_code.setdefault(row.code, key) != key:
                    raise ValueError(f"LOINC {row.code} stands under {self._by_code[row.code]} and {key}")
            self._excluded[key] = frozenset(row.code for row in analyte.excluded)
        self._listed = frozenset(self._by_code).union(*self._excluded.values())

    def find(self, concept: Any) -> tuple[str, bool] | None:
        """Return the analyte of `Observation.code`, and whether its codings contradict each other.

        They do when one is of another analyte, or is a neighbour that was left out on purpose (a band count coded as
        ANC too). The qualitative and the quantitative hCG do not contradict each other.
        """
        if not isinstance(concept, dict):
            return None
        found, contradicted, codes = "", False, []
        for row in as_list(concept.get("coding")) or [concept]:
            code = self._listed_code(row)
            codes.append(code)
            if key := self._by_code.get(code):
                contradicted = contradicted or (found not in ("", key) and not {found, key} <= self._hcg)
                found = found or key
        if not found:
            return None
        return found, contradicted or (len(codes) > 1 and not self._excluded[found].isdisjoint(codes))

    def _listed_code(self, row: Any) -> str:
        """Return the code of a LOINC coding that the knowledge lists, be it as left out; else ""."""
        code = row.get("code") if isinstance(row, dict) else None
        if not isinstance(code, str):
            return ""
        if code not in self._listed:
            code = as_text(code)
        return code if code in self._listed and _is_loinc(row.get("system")) else ""


def _is_loinc(system: Any) -> bool:
    if system is None or system == LOINC:
        return True
    text = canonical_system(system)
    return text == LOINC or text.lower() in _LOINC_SPELLINGS


class OutcomeWords:
    """The codes and texts by which an outcome is recognised."""

    def __init__(self, qualitative: QualitativeFile) -> None:
        """Build the look-up.

        Args:
            qualitative: `knowledge/qualitative_results.yaml`.

        Raises:
            ValueError: a code or text stands under two outcomes.
        """
        self._codes: dict[tuple[str, str], Outcome] = {}
        self._texts: dict[str, Outcome] = {}
        for outcome in Outcome:
            reading = getattr(qualitative, outcome.value)
            for row in reading.codes:
                for system in (row.systems or ("",)) if row.verified else ():
                    if self._codes.setdefault((system, row.code), outcome) is not outcome:
                        raise ValueError(f"result code {row.code} stands under two outcomes")
            for text in reading.texts:
                if self._texts.setdefault(_plain(text), outcome) is not outcome:
                    raise ValueError(f"result text {text!r} stands under two outcomes")

    def of_text(self, text: Any) -> Outcome | None:
        """Return the outcome a whole text means, None when it is not known."""
        return self._texts.get(_plain(text))

    def of_concepts(self, concepts: Any) -> frozenset[Outcome]:
        """Return every outcome named by the codes and texts of a CodeableConcept, or of a list of them.

        More than one means that they contradict each other. Displays and `text` count like codes: a resource coded
        positive whose text says negative must not be read as either.
        """
        found: set[Outcome] = set()
        for concept in map(as_mapping, as_list(concepts)):
            for row in map(as_mapping, (*as_list(concept.get("coding")), concept)):
                code = as_text(row.get("code"))
                by_code = self._codes.get(("", code)) or self._codes.get((as_text(row.get("system")), code))
                texts = (self.of_text(row.get("display")), self.of_text(row.get("text")))
                found.update(outcome for outcome in (by_code, *texts) if outcome is not None)
        return frozenset(found)


def _plain(text: Any) -> str:
    return as_text(text).casefold().strip(_FINAL_PUNCTUATION) if isinstance(text, str) else ""
