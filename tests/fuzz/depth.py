"""How deep the fuzz tests dig.

By default every run tries the same few examples, so that the suite is quick and never fails by chance. `make fuzz`
sets FUZZ_DEPTH: that many times more examples, other ones each time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

DEPTH = int(os.environ.get("FUZZ_DEPTH", "1"))


def examples(number: int) -> settings:
    """Return Hypothesis settings for a test that tries `number` examples in the suite."""
    return settings(
        max_examples=number * DEPTH,
        derandomize=DEPTH == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=DEPTH > 1,
    )
