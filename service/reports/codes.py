"""The codes behind one name of the terminology: a code set, a drug, a drug class, or an analyte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_hooks.knowledge.loader import Knowledge
from cds_hooks.knowledge.terminology import Drug

_SYSTEMS = ("RxNorm", "NDC", "ATC", "SNOMED", "LOINC", "ICD10CM")


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code, or a name that is matched as text.

    Attributes:
        system: code system; "text" for a name.
        used: False for a code that is kept for reference only, or left out on purpose.
    """

    system: str
    code: str
    display: str
    source: str
    used: bool


def code_sets(knowledge: Knowledge) -> dict[str, tuple[str, Any]]:
    """Return everything that has codes: key → kind and entry. A key of two kinds keeps the first."""
    kinds: Mapping[str, Mapping[str, Any]] = {
        "code set": knowledge.code_sets,
        "drug": knowledge.drugs,
        "drug class": knowledge.drug_classes,
        "analyte": knowledge.analytes,
    }
    found: dict[str, tuple[str, Any]] = {}
    for kind, entries in kinds.items():
        for key, entry in entries.items():
            found.setdefault(key, (kind, entry))
    return found


def code_rows(entry: Any, members: Mapping[str, Drug]) -> Iterator[CodeRow]:
    """Yield the rows of one entry.

    Args:
        entry: code set, drug, drug class or analyte.
        members: drugs of the class, empty for anything else.
    """
    for system in _SYSTEMS:
        for code in getattr(entry, system, ()):
            yield CodeRow(system, code.code, code.display, code.source, code.verified)
    for name in getattr(entry, "names", ()):
        yield CodeRow("text", name, "", "matched as a whole word, where there is no known code", used=True)
    for name in getattr(entry, "not_names", ()):
        yield CodeRow("text", name, "", "beside it a name does not match", used=False)
    for code in getattr(entry, "excluded", ()):
        yield CodeRow("left out", code.code, code.display, code.reason, used=False)
    for key, drug in members.items():
        yield CodeRow("drug", key, drug.name, "member of the class; lencds knowledge --codes " + key, used=True)
