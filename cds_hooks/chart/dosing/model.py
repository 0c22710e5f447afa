"""What was read of a dose: the public result types, all frozen, with their units."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class ScheduleKind(StrEnum):
    """On which days the drug is taken."""

    DAILY = "daily"
    """Every day; nothing is said about rest days. Silence is not continuity."""
    CONTINUOUS = "continuous"
    """Every day and expressly without rest days, or bounded to more than 21 uninterrupted days."""
    CYCLIC = "cyclic"
    """Daily on some days of a cycle, then rest (21 of 28 days)."""
    EVERY_OTHER_DAY = "everyOtherDay"
    WEEKLY = "weekly"
    DAYS_OF_WEEK = "daysOfWeek"
    """Some days of every week, named or counted."""
    AFTER_DIALYSIS = "afterDialysis"
    """Only on dialysis days; how many there are is not stated."""
    OTHER = "other"
    UNKNOWN = "unknown"


class DoseOrigin(StrEnum):
    """Where the amount in mg comes from."""

    STRUCTURED = "structured"
    """A mass in a coded field."""
    STRENGTH = "strength"
    """Coded capsules times the strength of the product."""
    TEXT = "text"
    """A mass written in the sig."""
    STRENGTH_AND_TEXT = "strengthAndText"
    """Capsules written in the sig times the strength of the product."""
    MIXED = "mixed"
    """Amount and frequency, or several instructions, come from different places."""
    NONE = "none"


class Combination(StrEnum):
    """How several dosage instructions of one order were taken together."""

    SINGLE = "single"
    CONCURRENT = "concurrent"
    """Taken side by side: averages are added."""
    SEQUENTIAL = "sequential"
    """One after the other: the phase with the highest average governs."""


class IssueCode(StrEnum):
    """Why a dose cannot be read, or what a reader of the dose should know."""

    # These make the daily dose unreadable.
    NO_DOSAGE = "noDosage"
    NO_DOSE = "noDose"
    UNKNOWN_UNIT = "unknownUnit"
    CAPSULES_WITHOUT_STRENGTH = "capsulesWithoutStrength"
    NO_FREQUENCY = "noFrequency"
    AS_NEEDED = "asNeeded"
    AMBIGUOUS_DOSE = "ambiguousDose"
    AMBIGUOUS_TIMING = "ambiguousTiming"
    AMBIGUOUS_TEXT = "ambiguousText"
    # These are remarks; the daily dose is still given.
    RANGE = "range"
    CONCURRENT = "concurrent"
    SEQUENTIAL = "sequential"
    PHASES_UNCERTAIN = "phasesUncertain"
    RESTATED = "restated"
    TEXT_NOT_READ = "textNotRead"
    FIELD_NOT_READ = "fieldNotRead"
    PARTIAL_CAPSULES = "partialCapsules"


class Issue(Struct, frozen=True):
    """A coded reason with a phrase a clinician can read; the phrase may quote the order."""

    code: IssueCode
    phrase: str

    def __str__(self) -> str:
        return self.phrase


class Schedule(Struct, frozen=True):
    """The days of treatment.

    `days_on` and `cycle_days` are days, None when not stated. For `DAILY` with a stated end, `days_on` is the length
    of the course and `cycle_days` stays None. `explicit` is True when the order itself names the pattern of days,
    and False for a plain "daily". `after_dialysis` says that the dose follows dialysis where there is one.
    """

    kind: ScheduleKind
    days_on: int | None = None
    cycle_days: int | None = None
    explicit: bool = False
    after_dialysis: bool = False

    def describe(self) -> str:
        """Return the schedule in words for a card."""
        days = ""
        if self.days_on is not None and self.kind is not ScheduleKind.CONTINUOUS:
            days = f"for {self.days_on} days"
            if self.explicit:
                days = f"{self.days_on} days on"
            if self.cycle_days is not None:
                days = f"{self.days_on} of {self.cycle_days} days"
        words = {
            ScheduleKind.DAILY: "daily",
            ScheduleKind.CONTINUOUS: "daily without rest days",
            ScheduleKind.CYCLIC: "daily",
            ScheduleKind.EVERY_OTHER_DAY: "every other day",
            ScheduleKind.WEEKLY: "weekly",
            ScheduleKind.DAYS_OF_WEEK: "on some days of the week",
            ScheduleKind.AFTER_DIALYSIS: "after dialysis",
            ScheduleKind.OTHER: "at another interval",
            ScheduleKind.UNKNOWN: "schedule not stated",
        }[self.kind]
        return f"{words}, {days}" if days else words


UNKNOWN_SCHEDULE = Schedule(ScheduleKind.UNKNOWN)


class Instruction(Struct, frozen=True):
    """One amount at one frequency: a dosageInstruction, or one part of a sig that names several.

    `index` is the position of the dosageInstruction (from 0), `sequence` its FHIR sequence, `phase` the position of
    the sequential phase it belongs to (from 0; equal phases run side by side). Amounts are mg, `capsules` is a count
    per administration, `per_day` is administrations per treatment day.
    """

    index: int
    sequence: int | None
    phase: int
    text: str
    capsules: float | None
    single_mg: float | None
    per_day: float | None
    average_mg_per_day: float | None
    highest_mg_per_day: float | None
    schedule: Schedule
    as_needed: bool
    origin: DoseOrigin
    unreadable: tuple[Issue, ...] = ()


class Dose(Struct, frozen=True):
    """The dose of one order.

    * `single_mg`: highest amount of one administration, mg; given even when the frequency cannot be read.
    * `average_mg_per_day`: mg per day averaged over the treatment phase. Rest days of a cycle do not count
      (25 mg on days 1 to 21 of 28 is 25), days between doses do (15 mg every other day is 7.5). Of sequential phases
      the highest. None whenever anything in `unreadable` stands.
    * `highest_mg_per_day`: most mg on any one calendar day by the governing reading (15 mg every other day is 15);
      an upper bound where instructions on unnamed days overlap.
    * `safety_mg_per_day`, `safety_single_mg`: the higher of all plausible readings (coded field, text, admin-amount,
      every as-needed dose taken, phases that may be concurrent). At least the governing value; None when no upper
      bound can be given; an ambiguous text does not contribute. Checks of "not more than" use these.
    * `schedule`: of the instruction with the highest average.
    * `text`: the sig as the clinician sees it, at most 200 characters.
    * `contradictions`: where the order says two things; each phrase names both values. Coded fields govern.
    * `unreadable`: why no daily dose is given; empty when it is. `remarks`: what else to know.
    * `is_entered`: False while neither an amount nor a sig has been entered (a draft at order-select).
    """

    single_mg: float | None
    average_mg_per_day: float | None
    highest_mg_per_day: float | None
    safety_mg_per_day: float | None
    safety_single_mg: float | None
    schedule: Schedule
    as_needed: bool
    combination: Combination
    origin: DoseOrigin
    text: str
    is_entered: bool
    contradictions: tuple[str, ...] = ()
    unreadable: tuple[Issue, ...] = ()
    remarks: tuple[Issue, ...] = ()
    instructions: tuple[Instruction, ...] = ()

    @property
    def is_readable(self) -> bool:
        """Whether `average_mg_per_day` is given."""
        return self.average_mg_per_day is not None

    def has(self, code: IssueCode) -> bool:
        """Return whether `code` is among the reasons or the remarks."""
        return any(issue.code is code for issue in (*self.unreadable, *self.remarks))
