"""Strict loading of the knowledge folder.

Anything that is not exactly right refuses to start and names file and line: an unknown key, a code listed twice, a
figure without a source, bands that overlap, a unit group without its canonical unit. A service that starts has
knowledge a pharmacist can stand behind; one that guesses does not start.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, pairwise
from pathlib import Path

from cds_hooks.knowledge.files import KnowledgeFiles, walk
from cds_hooks.knowledge.schema import (
    Counselling,
    CounsellingFile,
    CreatinineClearanceBand,
    Document,
    DocumentFile,
    Figure,
    FigureFile,
    Orderable,
    OrderableFile,
    OrderableMedication,
    OverrideReasonFile,
    PhraseFile,
    Phrases,
    Profile,
    RegimenFile,
    Statement,
    StatementFile,
    Topic,
    TopicFile,
    Variant,
)
from cds_hooks.knowledge.scores import ScoreFile, check_scores
from cds_hooks.knowledge.terminology import (
    Analyte,
    AnalyteFile,
    CodeSet,
    CodeSetFile,
    Drug,
    DrugClass,
    DrugFile,
    QualitativeFile,
    UnitFile,
    UnitGroup,
)
from cds_hooks.knowledge.yaml_document import KnowledgeError, YamlDocument, read_yaml

__all__ = ["Knowledge", "KnowledgeError", "load_knowledge"]

KNOWLEDGE_FOLDER = Path(__file__).parent

_CODE_SYSTEMS = ("RxNorm", "NDC", "ATC", "SNOMED", "LOINC", "ICD10CM")


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Everything the rules know, checked and frozen.

    Attributes:
        hash: SHA-256 over all files, hexadecimal; the version that cards and audit rows carry.
        unverified: number of figures and table rows that wait for a check against the current US label.
    """

    hash: str
    documents: Mapping[str, Document]
    drugs: Mapping[str, Drug]
    drug_classes: Mapping[str, DrugClass]
    code_sets: Mapping[str, CodeSet]
    unit_groups: Mapping[str, UnitGroup]
    analytes: Mapping[str, Analyte]
    qualitative: QualitativeFile
    figures: Mapping[str, Figure]
    bands: Mapping[str, CreatinineClearanceBand]
    profiles: Mapping[str, Profile]
    unknown_profile: Profile
    topics: Mapping[str, Topic]
    orderables: Mapping[str, Orderable]
    orderable_medications: Mapping[str, OrderableMedication]
    scores: ScoreFile
    override_reasons: OverrideReasonFile
    counselling: Mapping[str, Counselling]
    phrases: Phrases
    statements: Mapping[str, Statement]
    unverified: int = 0
    locations: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """The first twelve digits of the hash, as cards show it."""
        return self.hash[:12]


def load_knowledge(folder: Path = KNOWLEDGE_FOLDER) -> Knowledge:
    """Read and check a knowledge folder.

    Raises:
        KnowledgeError: something is wrong; the message names file and line.
    """
    documents = [read_yaml(path, str(path.relative_to(folder))) for path in sorted(folder.rglob("*.yaml"))]
    if not documents:
        raise KnowledgeError(str(folder), None, "holds no YAML files")
    reader = KnowledgeFiles(documents)
    sources = reader.one("sources.yaml", DocumentFile)
    regimens = reader.one("regimens.yaml", RegimenFile)
    drug_files = reader.folder("drugs/", DrugFile)
    orderables = reader.one("orderables.yaml", OrderableFile)
    knowledge = Knowledge(
        hash=_hash(folder),
        documents=sources.documents,
        drugs=reader.merge(drug_files, "drugs"),
        drug_classes=reader.merge(drug_files, "classes"),
        code_sets=reader.merge(reader.folder("code_sets/", CodeSetFile), "code_sets"),
        unit_groups=reader.one("units.yaml", UnitFile).groups,
        analytes=reader.one("analytes.yaml", AnalyteFile).analytes,
        qualitative=reader.one("qualitative_results.yaml", QualitativeFile),
        figures=reader.merge(reader.folder("figures/", FigureFile), "figures"),
        bands=regimens.bands,
        profiles=regimens.profiles,
        unknown_profile=regimens.unknown_profile,
        topics=reader.merge(reader.folder("topics/", TopicFile), "topics"),
        orderables=orderables.orderables,
        orderable_medications=orderables.medications,
        scores=reader.one("scores.yaml", ScoreFile),
        override_reasons=reader.one("override_reasons.yaml", OverrideReasonFile),
        counselling=reader.one("counselling.yaml", CounsellingFile).lines,
        phrases=reader.one("phrases.yaml", PhraseFile).phrases,
        statements=reader.one("statements.yaml", StatementFile).statements,
        unverified=reader.count_unverified(),
        locations=reader.locations,
    )
    reader.refuse_unread()
    for document in documents:
        _check_sources(document, knowledge.documents)
        _check_codes(document)
        _check_statements(document, knowledge)
    _check_references(reader, knowledge)
    return knowledge


def _hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.yaml")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _check_sources(document: YamlDocument, known: Mapping[str, Document]) -> None:
    for path, value in walk(document.content):
        if isinstance(value, dict) and value.keys() == {"document", "section"} and value["document"] not in known:
            raise document.error((*path, "document"), f"document {value['document']!r} is not in sources.yaml")


def _check_statements(document: YamlDocument, knowledge: Knowledge) -> None:
    """Check that statements referred to exist, and so do the topics that tell one."""
    for path, value in walk(document.content):
        if path[-1:] == ("statements",) and isinstance(value, list):
            for index, statement in enumerate(value):
                if statement not in knowledge.statements:
                    raise document.error((*path, index), f"statement {statement!r} is not in statements.yaml")
        if path[-1:] == ("basis",) and path[:1] == ("statements",) and value["topic"] not in knowledge.topics:
            raise document.error(path, f"{value['topic']!r} is not a topic")


def _check_codes(document: YamlDocument) -> None:
    for path, value in walk(document.content):
        if path[-1:] and path[-1] in _CODE_SYSTEMS and isinstance(value, list):
            seen: set[str] = set()
            for index, row in enumerate(value):
                if row["code"] in seen:
                    raise document.error((*path, index), f"code {row['code']!r} stands twice under {path[-1]}")
                seen.add(row["code"])


def _check_references(reader: KnowledgeFiles, knowledge: Knowledge) -> None:
    """Check everything that refers to something else by name."""
    units = reader.document("units.yaml")
    for name, group in knowledge.unit_groups.items():
        if not any(unit.ucum == group.canonical and unit.factor == 1 for unit in group.units):
            raise units.error(("groups", name), f"canonical unit {group.canonical!r} has no row with factor 1")
        seen: set[str] = set()
        for index, unit in enumerate(group.units):
            for spelling in (unit.ucum, *unit.aliases):
                if spelling in seen:
                    raise units.error(("groups", name, "units", index), f"spelling {spelling!r} stands twice")
                seen.add(spelling)
    analytes = reader.document("analytes.yaml")
    for name, analyte in knowledge.analytes.items():
        if analyte.kind == "quantity" and analyte.units not in knowledge.unit_groups:
            raise analytes.error(("analytes", name), f"unit group {analyte.units!r} is not in units.yaml")
    regimens = reader.document("regimens.yaml")
    _check_bands(regimens, knowledge.bands)
    for name, profile in {**knowledge.profiles, "unknown_profile": knowledge.unknown_profile}.items():
        path = ("profiles", name) if name in knowledge.profiles else (name,)
        for condition in profile.conditions:
            if condition not in knowledge.code_sets:
                raise regimens.error((*path, "conditions"), f"code set {condition!r} does not exist")
        if profile.doses.keys() != knowledge.bands.keys() | {"dialysis"}:
            raise regimens.error((*path, "doses"), "needs one dose for each band and one for dialysis")
        _check_schedule(regimens, path, profile)
    for name, drug in knowledge.drugs.items():
        for drug_class in drug.classes:
            if drug_class not in knowledge.drug_classes:
                file = reader.locations[f"drugs.{name}"]
                raise KnowledgeError(
                    file.split(":")[0], int(file.split(":")[1]), f"class {drug_class!r} is not defined"
                )
    check_scores(reader.document("scores.yaml"), knowledge.scores)
    for name, medication in knowledge.orderable_medications.items():
        if medication.drug not in knowledge.drugs:
            document = reader.document("orderables.yaml")
            raise document.error(("medications", name), f"drug {medication.drug!r} does not exist")
    for name, topic in knowledge.topics.items():
        _check_topic(reader, knowledge, name, topic)


def _check_bands(document: YamlDocument, bands: Mapping[str, CreatinineClearanceBand]) -> None:
    ordered = sorted(bands.items(), key=lambda item: item[1].low if item[1].low is not None else float("-inf"))
    for (lower_name, lower), (upper_name, upper) in pairwise(ordered):
        if lower.high != upper.low:
            raise document.error(("bands", upper_name), f"does not begin where band {lower_name!r} ends")
    if not ordered or ordered[0][1].low is not None or ordered[-1][1].high is not None:
        raise document.error(("bands",), "must cover every creatinine clearance")


def _check_schedule(document: YamlDocument, path: tuple[str | int, ...], profile: Profile) -> None:
    expected: int | None = 0
    for index, row in enumerate(profile.count_schedule):
        if row.from_day != expected:
            raise document.error((*path, "count_schedule", index), "overlaps or leaves a gap")
        if row.to_day is not None and row.to_day <= row.from_day:
            raise document.error((*path, "count_schedule", index), "ends before it begins")
        expected = row.to_day
    if expected is not None:
        raise document.error((*path, "count_schedule"), "the last row must be open-ended")


def _check_topic(reader: KnowledgeFiles, knowledge: Knowledge, name: str, topic: Topic) -> None:
    file, line = reader.locations[f"topics.{name}"].split(":")
    for other in (*topic.suppresses, *chain.from_iterable(variant.suppresses for variant in topic.variants.values())):
        if other not in knowledge.topics:
            raise KnowledgeError(file, int(line), f"{name} suppresses {other!r}, which is not a topic")
    for reason in (*topic.override_reasons, *knowledge.override_reasons.common):
        if reason not in knowledge.override_reasons.reasons:
            raise KnowledgeError(file, int(line), f"{name} offers override reason {reason!r}, which does not exist")
    if knowledge.documents[topic.guidance.document].url is None:
        raise KnowledgeError(file, int(line), f"{name} needs guidance that has an address")
    for key, variant in topic.variants.items():
        try:
            placeholders(variant)
        except ValueError as error:
            raise KnowledgeError(file, int(line), f"wording of {name}.{key}: {error}") from error


@lru_cache(maxsize=1024)
def placeholders(variant: Variant) -> frozenset[str]:
    """Return the names a variant's wording expects.

    Raises:
        ValueError: a placeholder is not a plain `{name}`.
    """
    found: set[str] = set()
    for text in (variant.summary, variant.detail, *variant.options):
        for _, name, spec, conversion in string.Formatter().parse(text):
            if name is None:
                continue
            if not name.isidentifier() or spec or conversion:
                raise ValueError(f"placeholder {{{name}}} is not a plain name")
            found.add(name)
    return frozenset(found)
