"""Charts as inline SVG: bars and stacked columns, readable without colour and without a script.

Colours are CSS custom properties of the page, so that a chart follows its light or dark look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate

from markupsafe import Markup

INDICATOR_COLOURS: Mapping[str, str] = {
    "critical": "var(--critical, #b3261e)",
    "warning": "var(--warning, #a86200)",
    "info": "var(--info, #1f6feb)",
}
"""Colour of each indicator, wherever cards are drawn."""
PLAIN_COLOUR = "var(--accent, #2f6f8f)"

_WIDTH = 720
_ROW = 24
_LABEL = 260
_COUNT = 60
_HEIGHT = 220
_AXIS = 36
_TICKS = 4


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


def bars(title: str, rows: Sequence[Bar]) -> Markup:
    """Draw horizontal bars, one below the other, with their totals.

    Args:
        title: what is shown; read out by screen readers.
        rows: the bars.
    """
    most = max((row.total for row in rows), default=0) or 1
    room = _WIDTH - _LABEL - _COUNT
    lines = []
    for number, row in enumerate(rows):
        top = number * _ROW
        lines.append(f'<text x="{_LABEL - 8}" y="{top + 16}" text-anchor="end">{escape(row.label)}</text>')
        starts = [0.0, *accumulate(row.parts.values())]
        for (name, value), start in zip(row.parts.items(), starts, strict=False):
            if value:
                place = f'x="{_LABEL + room * start / most:.1f}" y="{top + 4}"'
                lines.append(_rectangle(place, room * value / most, _ROW - 8, row, name, value))
        end = _LABEL + room * row.total / most + 6
        lines.append(f'<text x="{end:.1f}" y="{top + 16}" class="count">{_number(row.total)}</text>')
    return _svg(title, _WIDTH, max(_ROW, len(rows) * _ROW), lines)


def columns(title: str, rows: Sequence[Bar]) -> Markup:
    """Draw columns side by side over an axis that begins at zero.

    Args:
        title: what is shown; read out by screen readers.
        rows: the columns, from left to right.
    """
    most = _round_up(max((row.total for row in rows), default=0) or 1)
    left = 48
    step = (_WIDTH - left) / max(1, len(rows))
    every = max(1, round(64 / step))
    lines = []
    for tick in range(_TICKS + 1):
        y = _HEIGHT - _HEIGHT * tick / _TICKS + 8
        lines.append(f'<line x1="{left}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        lines.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(most * tick / _TICKS)}</text>')
    for number, row in enumerate(rows):
        x, bottom = left + number * step, float(_HEIGHT + 8)
        for name, value in row.parts.items():
            height = _HEIGHT * value / most
            bottom -= height
            if value:
                place = f'x="{x + step * 0.12:.1f}" y="{bottom:.1f}"'
                lines.append(_rectangle(place, step * 0.76, height, row, name, value))
        if number % every == 0:
            lines.append(
                f'<text x="{x + step / 2:.1f}" y="{_HEIGHT + 26}" text-anchor="middle">{escape(row.label)}</text>'
            )
    return _svg(title, _WIDTH, _HEIGHT + _AXIS, lines)


def _svg(title: str, width: int, height: int, lines: Sequence[str]) -> Markup:
    head = f'<svg class="chart" role="img" viewBox="0 0 {width} {height}" aria-label="{escape(title, quote=True)}">'
    return Markup("\n".join((head, f"<title>{escape(title)}</title>", *lines, "</svg>")))  # noqa: S704  all text is escaped above


def _rectangle(place: str, width: float, height: float, row: Bar, name: str, value: float) -> str:
    told = escape(f"{row.label}: {_number(value)}" + (f" {name}" if name else ""))
    return (
        f'<rect {place} width="{width:.1f}" height="{height:.1f}" fill="{_colour(name)}"><title>{told}</title></rect>'
    )


def _colour(name: str) -> str:
    return INDICATOR_COLOURS.get(name, PLAIN_COLOUR)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _round_up(value: float) -> float:
    """Return the next number that divides into quarters well."""
    size = 1.0
    while size * 10 < value:
        size *= 10
    return next(step * size for step in (1, 2, 4, 5, 8, 10, 20) if step * size >= value)
