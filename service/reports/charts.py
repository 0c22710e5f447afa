"""Charts as inline SVG: bars, stacked columns and lines, readable without colour and without a script.

Colours are CSS custom properties of the page, so that a chart follows its light or dark look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from math import ceil

from markupsafe import Markup

INDICATOR_COLOURS: Mapping[str, str] = {
    "critical": "var(--critical, #b3261e)",
    "warning": "var(--warning, #a86200)",
    "info": "var(--info, #1f6feb)",
}
"""Colour of each indicator, wherever cards are drawn."""
PLAIN_COLOUR = "var(--accent, #2f6f8f)"

Colours = Mapping[str, str]
"""Name of a part or line → its colour; names that are missing are drawn in `PLAIN_COLOUR`."""

_WIDTH = 720
_ROW = 24
_LABEL = 260
_LONGEST_LABEL = 38
_COUNT = 60
_HEIGHT = 220
_AXIS = 36
_TICKS = 4
_LEFT = 48
_TOP = 8
_LABEL_EVERY = 64


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar or column.

    Attributes:
        label: what stands beside or below it.
        parts: name → value, in the order in which they are stacked.
    """

    label: str
    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        """Sum of the parts."""
        return sum(self.parts.values())


def bars(title: str, rows: Sequence[Bar], colours: Colours = INDICATOR_COLOURS) -> Markup:
    """Draw horizontal bars, one below the other, with their totals.

    Args:
        title: what is shown; read out by screen readers.
        rows: the bars.
        colours: of the parts.
    """
    most = max((row.total for row in rows), default=0) or 1
    room = _WIDTH - _LABEL - _COUNT
    drawn = []
    for number, row in enumerate(rows):
        top = number * _ROW
        drawn.append(f'<text x="{_LABEL - 8}" y="{top + 16}" text-anchor="end">{escape(_fitting(row.label))}</text>')
        starts = [0.0, *accumulate(row.parts.values())]
        for (name, value), start in zip(row.parts.items(), starts, strict=False):
            if value:
                place = f'x="{_LABEL + room * start / most:.1f}" y="{top + 4}"'
                drawn.append(_rectangle(place, room * value / most, _ROW - 8, row, name, colours))
        end = _LABEL + room * row.total / most + 6
        drawn.append(f'<text x="{end:.1f}" y="{top + 16}" class="count">{_number(row.total)}</text>')
    return _svg(title, _WIDTH, max(_ROW, len(rows) * _ROW), drawn)


def columns(title: str, rows: Sequence[Bar], colours: Colours = INDICATOR_COLOURS) -> Markup:
    """Draw columns side by side over an axis that begins at zero.

    Args:
        title: what is shown; read out by screen readers.
        rows: the columns, from left to right.
        colours: of the parts.
    """
    most = _round_up(max((row.total for row in rows), default=0) or 1)
    step = (_WIDTH - _LEFT) / max(1, len(rows))
    drawn = [*_grid(most), *_axis([row.label for row in rows], step)]
    for number, row in enumerate(rows):
        x, bottom = _LEFT + number * step, float(_HEIGHT + _TOP)
        for name, value in row.parts.items():
            height = _HEIGHT * value / most
            bottom -= height
            if value:
                place = f'x="{x + step * 0.12:.1f}" y="{bottom:.1f}"'
                drawn.append(_rectangle(place, step * 0.76, height, row, name, colours))
    return _svg(title, _WIDTH, _HEIGHT + _AXIS, drawn)


def lines(
    title: str,
    labels: Sequence[str],
    values: Mapping[str, Sequence[float | None]],
    colours: Colours,
    unit: str = "",
) -> Markup:
    """Draw lines over an axis that begins at zero, broken where there is no value, each point with its number.

    Args:
        title: what is shown; read out by screen readers.
        labels: what stands below the points, from left to right.
        values: name of a line → its values, one for each label.
        colours: of the lines.
        unit: unit of the values; the points tell it.
    """
    found = [value for line in values.values() for value in line if value is not None]
    most = _round_up(max(found, default=0) or 1)
    step = (_WIDTH - _LEFT) / max(1, len(labels))
    drawn = [*_grid(most), *_axis(labels, step)]
    for number, (name, line) in enumerate(values.items()):
        colour = colours.get(name, PLAIN_COLOUR)
        places = [
            None if value is None else (_LEFT + (at + 0.5) * step, _HEIGHT * (1 - value / most) + _TOP)
            for at, value in enumerate(line)
        ]
        # A second sign beside the colour: the lines differ in their dashes too.
        drawn.append(f'<path d="{_path(places)}" class="line line-{number}" fill="none" stroke="{colour}"/>')
        for label, value, place in zip(labels, line, places, strict=True):
            if place is not None and value is not None:
                told = escape(f"{label}: {name} {_number(value)} {unit}".rstrip())
                drawn.append(
                    f'<circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{min(3.0, step / 3):.1f}" fill="{colour}">'
                    f"<title>{told}</title></circle>"
                )
    return _svg(title, _WIDTH, _HEIGHT + _AXIS, drawn)


def swatch(colour: str) -> Markup:
    """Return a small square of a colour, for a legend."""
    square = Markup('<rect width="10" height="10" rx="2" fill="{}"/>').format(colour)
    return Markup('<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">{}</svg>').format(square)


def _grid(most: float) -> list[str]:
    drawn = []
    for tick in range(_TICKS + 1):
        y = _HEIGHT - _HEIGHT * tick / _TICKS + _TOP
        drawn.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        drawn.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(most * tick / _TICKS)}</text>')
    return drawn


def _axis(labels: Sequence[str], step: float) -> list[str]:
    every = max(1, ceil(_LABEL_EVERY / step))
    return [
        f'<text x="{_LEFT + (number + 0.5) * step:.1f}" y="{_HEIGHT + 26}" text-anchor="middle">{escape(label)}</text>'
        for number, label in enumerate(labels)
        if number % every == 0
    ]


def _path(places: Sequence[tuple[float, float] | None]) -> str:
    parts, pen_is_down = [], False
    for place in places:
        if place is not None:
            parts.append(f"{'L' if pen_is_down else 'M'}{place[0]:.1f} {place[1]:.1f}")
        pen_is_down = place is not None
    return "".join(parts)


def _svg(title: str, width: int, height: int, drawn: Sequence[str]) -> Markup:
    head = f'<svg class="chart" role="img" viewBox="0 0 {width} {height}" aria-label="{escape(title, quote=True)}">'
    return Markup("\n".join((head, f"<title>{escape(title)}</title>", *drawn, "</svg>")))  # noqa: S704  all text is escaped above


def _rectangle(place: str, width: float, height: float, row: Bar, name: str, colours: Colours) -> str:
    told = escape(f"{row.label}: {_number(row.parts[name])}" + (f" {name}" if name else ""))
    colour = colours.get(name, PLAIN_COLOUR)
    return f'<rect {place} width="{width:.1f}" height="{height:.1f}" fill="{colour}"><title>{told}</title></rect>'


def _fitting(label: str) -> str:
    """Return a label no longer than the room beside the bars; the bars tell the whole of it."""
    return label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1].rstrip() + "…"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _round_up(value: float) -> float:
    """Return the next number that divides into quarters well: into whole ones from 4 on."""
    size = 1
    while size * 10 < value:
        size *= 10
    limits = (round(step * size, 1) for step in (1, 2, 3.2, 4, 6, 8, 10, 12))
    return next(limit for limit in limits if limit >= value and (limit < _TICKS or limit % _TICKS == 0))
