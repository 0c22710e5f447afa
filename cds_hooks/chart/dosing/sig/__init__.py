"""Reading English sigs: normalise, find known phrases by a table of patterns, put them together, refuse the rest.

The table (`rules_*`) turns phrases into items; whatever number or scheduling word no pattern has claimed makes the
text ambiguous. Other languages have no patterns and therefore end as unreadable.
"""

from .reader import FrequencyText, SigGroup, SigPhase, SigReading, read_frequency_text, read_sig

__all__ = ["FrequencyText", "SigGroup", "SigPhase", "SigReading", "read_frequency_text", "read_sig"]
