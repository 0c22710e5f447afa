"""What CDS Hooks asks of a service: the table of duties, each shown by tests or not applicable for a reason.

The tests that show a duty carry its id. They are not part of the installed package, so the table does not name them;
the page `docs/conformance.md` does.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

Verb = Literal[
    "SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "RECOMMENDED", "REQUIRED", "CONDITIONAL", "OPTIONAL", "MAY",
    "tolerate", "open",
]  # fmt: skip
"""How binding a duty is. `tolerate`: the client may do this and the service must bear it; `open`: the specification
leaves it to the service."""

Text = Annotated[str, Meta(min_length=1)]


class Duty(Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the table.

    Attributes:
        id: letter of its area and number, such as `D4`.
        verb: how binding it is.
        duty: what is asked for.
        not_applicable: why it does not apply here, "" when it does.
    """

    id: Annotated[str, Meta(pattern=r"^[A-Z][0-9]{1,2}$")]
    verb: Verb
    duty: Text
    not_applicable: str = ""


class Area(Struct, frozen=True, forbid_unknown_fields=True):
    """A chapter of the table."""

    area: Text
    rows: tuple[Duty, ...]


@cache
def duties() -> tuple[Area, ...]:
    """Return the table, in its order.

    Raises:
        ValueError: the file is not as it should be.
    """
    text = resources.files("cds_hooks.protocol").joinpath("conformance.yaml").read_text(encoding="utf-8")
    areas = msgspec.convert(yaml.safe_load(text), tuple[Area, ...])
    ids = [row.id for area in areas for row in area.rows]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise ValueError(f"rows that are there twice: {', '.join(sorted(twice))}")
    return areas
