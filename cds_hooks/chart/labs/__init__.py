"""Laboratory results and vital signs: FHIR Observations in, typed results with their state out."""

from cds_hooks.chart.labs.assess import Lab, LabState, assess
from cds_hooks.chart.labs.read import read_results
from cds_hooks.chart.labs.result import LabProblem, LabResult, Outcome, newest_first

__all__ = [
    "Lab",
    "LabProblem",
    "LabResult",
    "LabState",
    "Outcome",
    "assess",
    "newest_first",
    "read_results",
]
