"""How Hypothesis searches: without a stop-watch, since machines are noisy, and in continuous integration always the
same examples, so that a landing does not hang on luck; a developer's run searches on."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("steady", settings.get_profile("search"), derandomize=True, database=None)
settings.load_profile("steady" if os.environ.get("CI") else "search")
