"""Migrations: the steps by which the tables came to be what `service.store.tables` says.

A step only adds, so that the version before it still runs on the result: with several instances, the new version is
rolled out after `lencds db upgrade` while the old one still answers, and a rollback starts the old version again on
the upgraded database. What is no longer used is removed one release later. There are no steps backwards.

To add one, change `service.store.tables`, write `versions/v<number>_<what>.py`, and run the tests of the migrations:
they compare what the steps make with what the tables say, on both databases.
"""

from __future__ import annotations

from pathlib import Path

VERSIONS = Path(__file__).parent / "versions"
"""Folder of the steps; a file name begins with `v` and the number of its step."""


def known_revisions() -> tuple[str, ...]:
    """Return the numbers of all steps of this program, oldest first, without importing them."""
    return tuple(sorted(file.name[1:5] for file in VERSIONS.glob("v[0-9][0-9][0-9][0-9]_*.py")))
