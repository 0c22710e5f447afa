"""The lines of a case's chart: medications, conditions, procedures, reactions, studies.

Each kind of line has one form, given below; error messages quote it. Laboratory results: `lab_phrases`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cds_hooks.cases.moment import Moment, days_ago
from cds_hooks.cases.pieces import (
    NOWHERE,
    NUMBER,
    Amount,
    Every,
    Pieces,
    Place,
    Subject,
    parse_amount,
    parse_every,
    parse_subject,
)

MEDICATION_FORM = (
    "<drug>[ <strength> mg], <status> order|statement|dispense|administration[, <when>][, until <when>]"
    '[, 40 mg every 7 days][, sig "..."][, route "..."]; or '
    '"<drug>, completed orders, every 28 days from 168 days ago to 28 days ago"'
)
CONDITION_FORM = (
    "<code set>, <clinical and/or verification status>[, <when>][, since <when>][, until <when>][, recorded <when>]"
    "[, mild|moderate|severe][, grade 1-5]"
)
PROCEDURE_FORM = "<code set>[, <status>][, <when>]"
REACTION_FORM = (
    "<drug or none>, <code set or words in quotes>[, mild|moderate|severe][, grade 1-5][, <criticality> criticality]"
    "[, <status>][, <when>]; or with adverse event instead of criticality and status"
)
STUDY_FORM = "active|completed|<FHIR status>[, <when>]"

MEDICATION_STATUSES = {
    "order": ("active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"),
    "statement": ("active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"),
    "dispense": (
        "preparation", "in-progress", "cancelled", "on-hold", "completed", "entered-in-error", "stopped", "declined",
        "unknown",
    ),
    "administration": ("in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"),
}  # fmt: skip
CLINICAL_STATUSES = ("active", "recurrence", "relapse", "inactive", "remission", "resolved")
ENDED_STATUSES = ("inactive", "remission", "resolved")
VERIFICATION_STATUSES = (
    "confirmed", "unconfirmed", "provisional", "differential", "refuted", "entered-in-error",
)  # fmt: skip
PROCEDURE_STATUSES = (
    "completed", "preparation", "in-progress", "not-done", "on-hold", "stopped", "entered-in-error", "unknown",
)  # fmt: skip
SEVERITIES = ("mild", "moderate", "severe")
STUDY_STATUSES = {
    "active": "on-study",
    "completed": "off-study",
    **{
        status: status
        for status in (
            "candidate", "eligible", "follow-up", "ineligible", "not-registered", "off-study", "on-study",
            "on-study-intervention", "on-study-observation", "pending-on-study", "potential-candidate", "screening",
            "withdrawn",
        )
    },
}  # fmt: skip

_SERIES = r"every (?P<step>[1-9]\d*) days from (?P<first>\d+) days ago to (?P<last>\d+) days ago"
_DOSING = rf"(?P<amount>{NUMBER} \S+) every (?P<every>.+)"


@dataclass(frozen=True, slots=True)
class Series:
    """Records at regular intervals, counted in days before the evaluation."""

    step: int
    first: int
    last: int

    def moments(self) -> tuple[Moment, ...]:
        """Return the days, the oldest first."""
        return tuple(days_ago(days) for days in range(self.first, self.last - 1, -self.step))

    def __str__(self) -> str:
        return f"every {self.step} days from {self.first} days ago to {self.last} days ago"


@dataclass(frozen=True, slots=True)
class MedicationPhrase:
    """`dexamethasone, active order, 20 days ago`; `series` instead of `when` for several records alike."""

    drug: Subject
    status: str
    kind: str
    when: Moment | None = None
    series: Series | None = None
    until: Moment | None = None
    amount: Amount | None = None
    every: Every | None = None
    sig: str = ""
    route: str = ""
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    def moments(self) -> tuple[Moment | None, ...]:
        """Return when the record, or each of the records, was made."""
        return self.series.moments() if self.series else (self.when,)

    def __str__(self) -> str:
        return _joined(
            self.drug,
            f"{self.status} {self.kind}{'s' if self.series else ''}",
            self.series or self.when,
            _after("until", self.until),
            f"{self.amount} every {self.every}" if self.amount else None,
            _quoted("sig", self.sig),
            _quoted("route", self.route),
        )


def parse_medication(phrase: str, place: Place = NOWHERE) -> MedicationPhrase:
    """Read a line of the form `MEDICATION_FORM`."""
    pieces = Pieces(phrase, MEDICATION_FORM)
    drug = parse_subject(pieces.first(), with_strength=True)
    what = pieces.take(rf"(?P<status>[a-z-]+) (?P<kind>{'|'.join(MEDICATION_STATUSES)})(?P<many>s?)")
    if what is None:
        raise pieces.error("does not say what kind of record it is")
    if what["status"] not in MEDICATION_STATUSES[what["kind"]]:
        raise pieces.error(f"{what['status']!r} is not a FHIR status of a medication {what['kind']}")
    series = pieces.take(_SERIES)
    if bool(series) != bool(what["many"]):
        raise pieces.error('several records need "every N days from N days ago to N days ago", a single one must not')
    if series and int(series["first"]) < int(series["last"]):
        raise pieces.error("the series must run from the older day to the newer")
    until = pieces.moment("until")
    dosing = pieces.take(_DOSING)
    parsed = MedicationPhrase(
        drug=drug,
        status=what["status"],
        kind=what["kind"],
        when=None if series else pieces.moment(),
        series=Series(int(series["step"]), int(series["first"]), int(series["last"])) if series else None,
        until=until,
        amount=parse_amount(dosing["amount"]) if dosing else None,
        every=parse_every(dosing["every"]) if dosing else None,
        sig=pieces.quoted("sig"),
        route=pieces.quoted("route"),
        place=place,
    )
    pieces.finish()
    return parsed


@dataclass(frozen=True, slots=True)
class ConditionPhrase:
    """`multipleMyeloma, active, 400 days ago`.

    `when` is the onset; of a condition that is over (inactive, remission, resolved) it is the end.
    """

    condition: Subject
    clinical: str = ""
    verification: str = ""
    when: Moment | None = None
    since: Moment | None = None
    until: Moment | None = None
    recorded: Moment | None = None
    severity: str = ""
    grade: str = ""
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    @property
    def onset(self) -> Moment | None:
        """When it began."""
        return self.since or (None if self.clinical in ENDED_STATUSES else self.when)

    @property
    def abatement(self) -> Moment | None:
        """When it ended."""
        return self.until or (self.when if self.clinical in ENDED_STATUSES else None)

    def __str__(self) -> str:
        return _joined(
            self.condition,
            self.clinical,
            self.verification,
            self.when,
            _after("since", self.since),
            _after("until", self.until),
            _after("recorded", self.recorded),
            self.severity,
            self.grade and f"grade {self.grade}",
        )


def parse_condition(phrase: str, place: Place = NOWHERE) -> ConditionPhrase:
    """Read a line of the form `CONDITION_FORM`."""
    pieces = Pieces(phrase, CONDITION_FORM)
    parsed = ConditionPhrase(
        condition=parse_subject(pieces.first()),
        clinical=pieces.word(*CLINICAL_STATUSES),
        verification=pieces.word(*VERIFICATION_STATUSES),
        since=pieces.moment("since"),
        until=pieces.moment("until"),
        recorded=pieces.moment("recorded"),
        when=pieces.moment(),
        severity=pieces.word(*SEVERITIES),
        grade=pieces.after("grade", "[1-5]"),
        place=place,
    )
    if not parsed.clinical and not parsed.verification:
        raise pieces.error("says neither a clinical nor a verification status")
    if parsed.when and parsed.when in (parsed.since, parsed.until):
        raise pieces.error("says the same date twice")
    pieces.finish()
    return parsed


@dataclass(frozen=True, slots=True)
class ProcedurePhrase:
    """`hysterectomy, 900 days ago`; completed unless a status is given."""

    procedure: Subject
    status: str = "completed"
    when: Moment | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return _joined(self.procedure, self.status, self.when)


def parse_procedure(phrase: str, place: Place = NOWHERE) -> ProcedurePhrase:
    """Read a line of the form `PROCEDURE_FORM`."""
    pieces = Pieces(phrase, PROCEDURE_FORM)
    parsed = ProcedurePhrase(
        procedure=parse_subject(pieces.first()),
        status=pieces.word(*PROCEDURE_STATUSES) or "completed",
        when=pieces.moment(),
        place=place,
    )
    pieces.finish()
    return parsed


@dataclass(frozen=True, slots=True)
class ReactionPhrase:
    """`thalidomide, rash, severe, 300 days ago`: an allergy, or an adverse event when it says so.

    `drug` is None for a reaction nobody has attributed to a drug (written `none`).
    """

    drug: Subject | None
    reaction: Subject
    severity: str = ""
    grade: str = ""
    criticality: str = ""
    adverse_event: bool = False
    status: str = ""
    when: Moment | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return _joined(
            self.drug or "none",
            self.reaction,
            self.severity,
            self.grade and f"grade {self.grade}",
            self.criticality and f"{self.criticality} criticality",
            "adverse event" if self.adverse_event else None,
            self.status,
            self.when,
        )


def parse_reaction(phrase: str, place: Place = NOWHERE) -> ReactionPhrase:
    """Read a line of the form `REACTION_FORM`."""
    pieces = Pieces(phrase, REACTION_FORM)
    culprit = pieces.first()
    when = pieces.moment()
    severity = pieces.word(*SEVERITIES)
    grade = pieces.after("grade", "[1-5]")
    criticality = pieces.take("(?P<value>low|high) criticality")
    adverse_event = bool(pieces.word("adverse event"))
    status = pieces.word("active", "inactive", "resolved", *VERIFICATION_STATUSES)
    reaction = pieces.take(".+")
    if reaction is None:
        raise pieces.error("does not say which reaction it was")
    if adverse_event and (criticality or status):
        raise pieces.error("only an allergy has a criticality or a status")
    pieces.finish()
    return ReactionPhrase(
        drug=None if culprit == "none" else parse_subject(culprit),
        reaction=parse_subject(reaction[0]),
        severity=severity,
        grade=grade,
        criticality=criticality["value"] if criticality else "",
        adverse_event=adverse_event,
        status=status,
        when=when,
        place=place,
    )


@dataclass(frozen=True, slots=True)
class StudyPhrase:
    """`active` or `completed` participation in a study, or a status as FHIR names it."""

    status: str
    when: Moment | None = None
    place: Place = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return _joined(self.status, self.when)


def parse_study(phrase: str, place: Place = NOWHERE) -> StudyPhrase:
    """Read a line of the form `STUDY_FORM`."""
    pieces = Pieces(phrase, STUDY_FORM)
    status = pieces.first()
    if status not in STUDY_STATUSES:
        raise pieces.error(f"{status!r} is not a status of a ResearchSubject")
    parsed = StudyPhrase(status, pieces.moment(), place)
    pieces.finish()
    return parsed


def _joined(*pieces: object) -> str:
    return ", ".join(filter(None, (str(piece or "") for piece in pieces)))


def _after(word: str, moment: Moment | None) -> str:
    return f"{word} {moment}" if moment else ""


def _quoted(word: str, text: str) -> str:
    return f'{word} "{text}"' if text else ""
