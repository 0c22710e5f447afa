"""The knowledge and the look-up tables, built once."""

from __future__ import annotations

import pytest

from cds_hooks.chart.chart import Reader, make_reader
from cds_hooks.knowledge.loader import load_knowledge


@pytest.fixture(scope="session")
def reader() -> Reader:
    return make_reader(load_knowledge())
