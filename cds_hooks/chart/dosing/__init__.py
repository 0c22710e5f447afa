"""The dose of a medication order: how many mg on how many days, or why that cannot be told.

Pure and tolerant: any JSON is accepted, nothing raises, and nothing is guessed; what cannot be read is reported with
its reason. Sigs are read by an own table of patterns, because the PyPI packages for sigs (parsigs,
dose-instruction-parser) are pre-releases that depend on a trained language model.

* `read_dose` reads an order (MedicationRequest, MedicationOrder, MedicationStatement, MedicationDispense).
* `strength_from_medication`, `strength_from_text` give the strength of a capsule.
* `read_supply`, `days_supply`, `refills` read what is to be dispensed.
* `combine_doses` adds orders that are taken side by side.
"""

from .model import Combination, Dose, DoseOrigin, Instruction, Issue, IssueCode, Schedule, ScheduleKind
from .reader import read_dose
from .strength import strength_from_medication, strength_from_text
from .supply import Supply, days_supply, read_supply, refills
from .total import TotalDose, combine_doses

__all__ = [
    "Combination",
    "Dose",
    "DoseOrigin",
    "Instruction",
    "Issue",
    "IssueCode",
    "Schedule",
    "ScheduleKind",
    "Supply",
    "TotalDose",
    "combine_doses",
    "days_supply",
    "read_dose",
    "read_supply",
    "refills",
    "strength_from_medication",
    "strength_from_text",
]
