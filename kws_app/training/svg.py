"""Charts as SVG text, for a page that needs nothing beside itself.

Drawn by hand, because two kinds of chart are a hundred lines, and matplotlib brings eight packages and 100 MB to draw
them; this way they are sharp at any size, follow the reader's dark mode, and come out the same to the byte.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import NormalDist

WIDTH, HEIGHT = 640, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 16, 48
ROW = 44
"""Pixels for one row of bars."""
COLOURS = ("#0a7c3e", "#2f6fde", "#d9822b", "#c0392b", "#8e44ad", "#12939a", "#b08d00", "#7f7f7f")
INKS = """
:root { color-scheme: light dark; --ink: #1d1d1f; --paper: #fff; --rule: #d8d8dc; --faint: #6e6e73; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8e8ea; --paper: #161618; --rule: #3a3a3e; --faint: #98989d; } }
"""
STYLE = """
svg { max-width: 40rem; width: 100%; } svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
polyline { fill: none; stroke-width: 2; } line { stroke-width: 2; }
.grid { stroke: var(--rule); stroke-width: 1; } .mark { stroke: var(--faint); stroke-width: 1; stroke-dasharray: 4 3; }
""" + "".join(f".s{n} {{ stroke: {ink}; }} .b{n} {{ fill: {ink}; }}\n" for n, ink in enumerate(COLOURS))
"""Classes ``s0`` to ``s7`` for lines, and ``b0`` to ``b7`` for bars and dots."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction: its two ends, the marks on it by value, and its scale. What lies beyond an end is drawn at it."""

    title: str
    ends: tuple[float, float]
    marks: Mapping[float, str]
    scale: Callable[[float], float] = float

    def place(self, value: float, length: float) -> float:
        """Pixels from the low end."""
        low, high = (self.scale(end) for end in self.ends)
        return (self.scale(min(max(value, self.ends[0]), self.ends[1])) - low) / (high - low) * length


def logarithm(title: str, ends: tuple[float, float]) -> Axis:
    """An axis of decades."""
    decades = range(math.ceil(math.log10(ends[0]) - 1e-9), math.floor(math.log10(ends[1]) + 1e-9) + 1)
    return Axis(title, ends, {10.0**decade: f"{10.0**decade:g}" for decade in decades}, math.log10)


def deviate(title: str) -> Axis:
    """A DET axis: shares on the scale on which a normal distribution is a straight line (Martin et al. 1997)."""
    shares = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9)
    return Axis(title, (0.004, 0.95), {share: f"{100 * share:g} %" for share in shares}, NormalDist().inv_cdf)


def lines(named: Mapping[str, Sequence[tuple[float, float]]], x: Axis, y: Axis) -> str:
    """A line for each name, through its points."""
    parts = [*_field(x, y)]
    for number, (name, points) in enumerate(named.items()):
        colour = f"s{number % len(COLOURS)}"
        places = " ".join("{:.1f},{:.1f}".format(*_spot(x, y, point)) for point in points)
        parts.append(f'<polyline class="{colour}" points="{places}"/>')
        left, at = WIDTH - RIGHT + 12, TOP + 12 + 18 * number
        parts.append(_line(left, at - 4, left + 20, at - 4, colour) + _text(left + 26, at, name, "start"))
    return "".join([*parts, "</svg>"])


def dots(named: Mapping[str, Mapping[str, tuple[float, float]]], x: Axis, y: Axis) -> str:
    """Labelled dots, a colour for each name."""
    parts = [*_field(x, y)]
    for number, (name, places) in enumerate(named.items()):
        colour = f"b{number % len(COLOURS)}"
        for label, point in places.items():
            across, down = _spot(x, y, point)
            parts.append(_dot(across, down, colour) + _text(across + 7, down + 4, label, "start"))
        left, at = WIDTH - RIGHT + 12, TOP + 12 + 18 * number
        parts.append(_dot(left + 10, at - 4, colour) + _text(left + 26, at, name, "start"))
    return "".join([*parts, "</svg>"])


def document(chart: str) -> str:
    """A chart as a file of its own."""
    return (
        chart.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(
            ">", f"><style>{INKS}{STYLE}</style>", 1
        )
        + "\n"
    )


def bars(
    named: Mapping[str, Sequence[float]], edges: Sequence[float], x: Axis, *, verticals: Mapping[str, float]
) -> str:
    """A row of bars for each name, as high as its highest bar needs, and *verticals*, named places on the x axis.

    Args:
        named: heights between the *edges*, of which there is one more.
    """
    width, height = WIDTH - LEFT - RIGHT, ROW * len(named) + ROW // 2
    parts = [*_ground(x, height, f"how often, over {x.title}")]
    for number, (name, heights) in enumerate(named.items()):
        ground, highest = TOP + ROW // 2 + ROW * (number + 1), max(*heights, 1e-9)
        for low, high, value in zip(edges, edges[1:], heights, strict=False):
            left, right, tall = x.place(low, width), x.place(high, width), 0.9 * ROW * value / highest
            if value:
                at = f'x="{LEFT + left:.1f}" y="{ground - tall:.1f}" width="{right - left - 1:.1f}" height="{tall:.1f}"'
                parts.append(f'<rect class="b{number % len(COLOURS)}" {at}/>')
        parts.append(_line(LEFT, ground, LEFT + width, ground, "grid"))
        parts.append(_text(LEFT + width + 12, ground - 4, name, "start"))
    for number, (name, value) in enumerate(verticals.items()):
        at = LEFT + x.place(value, width)
        parts.append(_line(at, TOP, at, TOP + height, "mark") + _text(at + 3, TOP + 8 + 12 * number, name, "start"))
    return "".join([*parts, "</svg>"])


def _field(x: Axis, y: Axis) -> Iterator[str]:
    """The picture's beginning, and both axes."""
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    yield from _ground(x, height, f"{y.title} over {x.title}")
    for value, text in y.marks.items():
        at = TOP + height - y.place(value, height)
        yield _line(LEFT, at, LEFT + width, at, "grid") + _text(LEFT - 6, at + 4, text, "end")
    turned = f'transform="rotate(-90 14 {TOP + height / 2:.0f})"'
    yield _text(14, TOP + height / 2, y.title, "middle", turned)


def _spot(x: Axis, y: Axis, point: tuple[float, float]) -> tuple[float, float]:
    """Pixels from the left and from the top."""
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    return LEFT + x.place(point[0], width), TOP + height - y.place(point[1], height)


def _dot(x: float, y: float, kind: str) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'


def _ground(x: Axis, height: float, label: str) -> Iterator[str]:
    """The picture's beginning, its grid, and what stands below it."""
    width = WIDTH - LEFT - RIGHT
    yield f'<svg viewBox="0 0 {WIDTH} {TOP + height + BOTTOM}" role="img" aria-label="{escape(label)}">'
    for value, text in x.marks.items():
        at = LEFT + x.place(value, width)
        yield _line(at, TOP, at, TOP + height, "grid") + _text(at, TOP + height + 16, text, "middle")
    yield _text(LEFT + width / 2, TOP + height + 40, x.title, "middle")


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(text)}</text>'
