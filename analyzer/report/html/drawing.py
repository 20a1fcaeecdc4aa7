"""Shapes of the page as SVG: bars, marks, curves, scales.

Places along the time axis are in percent, so that a drawing fits any width without distorting
text. Text goes in through markupsafe, which escapes it; nothing has a style attribute, which the
page's Content-Security-Policy would refuse. Knows numbers. Used by html.sections.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

from analyzer.lazy_dataclass import dataclass, field
from analyzer.report.wording import duration

HEIGHT = 16


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: label, drawing, value."""

    label: str
    svg: Markup
    value: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend."""

    svg: Markup
    text: str


@dataclass(slots=True)
class Chart:
    """A chart: lines beside labels, or one drawing."""

    title: str = ""
    legend: Sequence[Key] = ()
    rows: Sequence[Line] | None = None
    scale: Markup | None = None
    svg: Markup | None = None
    notes: list[str] = field(default_factory=list)


def svg(shapes: Iterable[Markup], title: str, height: int = HEIGHT) -> Markup:
    """Return a drawing as wide as its place, with a title for screen readers."""
    return Markup('<svg height="{}" role="img"><title>{}</title>{}</svg>').format(
        height, title, Markup("").join(shapes)
    )


def box(at: float, wide: float, name: str, *, top: float = 2, high: float = 12) -> Markup:
    """Return a box from `at` on, `wide` percent wide, at least visible."""
    return Markup(
        '<rect x="{:.3f}%" y="{:.2f}" width="{:.3f}%" height="{:.2f}" class="{}"/>'
    ).format(max(0.0, at), top, max(wide, 0.12), high, name)


def mark(at: float, kind: str, name: str) -> Markup:
    """Return a mark of its own shape: colour alone carries no meaning."""
    if kind == "circle":
        return Markup('<circle cx="{:.3f}%" cy="8" r="5" class="mark {}"/>').format(at, name)
    if kind == "square":
        return Markup(
            '<svg x="{:.3f}%" overflow="visible"><rect x="-5" y="3" width="10" height="10" '
            'class="mark {}"/></svg>'
        ).format(at, name)
    paths = {
        "cross": "M-5 3 L5 13 M5 3 L-5 13",
        "triangle": "M0 2 L6 13 L-6 13 Z",
        "arrow": "M-4 3 L4 8 L-4 13 Z",
    }
    line = " line" if kind == "cross" else ""
    return Markup(
        '<svg x="{:.3f}%" overflow="visible"><path d="{}" class="mark{} {}"/></svg>'
    ).format(at, paths[kind], line, name)


def key(name: str, text: str, kind: str | None = None, *, top: float = 1, high: float = 12) -> Key:
    """Return an entry of a legend: a box where it is in the drawing, or a mark."""
    shape = box(0, 100, name, top=top, high=high) if kind is None else mark(50, kind, name)
    return Key(Markup('<svg viewBox="0 0 14 14" aria-hidden="true">{}</svg>').format(shape), text)


def scale(ticks: Sequence[tuple[float, str]]) -> Markup:
    """Return the ticks below lines: at percents, with their text."""
    parts = [
        Markup('<line x1="{0:.2f}%" x2="{0:.2f}%" y1="0" y2="5" class="axis"/>').format(at)
        + Markup('<text x="{:.2f}%" y="17" text-anchor="{}">{}</text>').format(
            at, "start" if at < 5 else "end" if at > 95 else "middle", text
        )
        for at, text in ticks
    ]
    return Markup('<svg height="20" aria-hidden="true">{}</svg>').format(Markup("").join(parts))


def time_ticks(span_ns: float) -> list[tuple[float, str]]:
    """Return ticks of a time axis that begins at 0: round steps, about four."""
    if span_ns <= 0:
        return [(0.0, "0")]
    step: float = 10 ** math.floor(math.log10(span_ns / 4))
    for times in (1, 2, 5, 10):
        if span_ns / (step * times) <= 5:
            step *= times
            break
    count = int(span_ns / step)
    return [
        (100 * each * step / span_ns, duration(each * step) if each else "0")
        for each in range(count + 1)
    ]


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve of a distribution: sorted durations in ns."""

    label: str
    values: Sequence[float]


def cdf(curves: Sequence[Curve], title: str) -> Chart:
    """Return distributions as curves: share of values below a duration, on a log scale."""
    floor = 1_000.0  # clocks are not exact below a microsecond
    largest = max(max(curve.values) for curve in curves)
    smallest = max(floor, min(min(curve.values) for curve in curves))
    low = math.floor(math.log10(smallest))
    high = max(low + 1, math.ceil(math.log10(max(largest, floor))))

    def x_of(value: float) -> float:
        return 1000 * (math.log10(max(value, 10**low)) - low) / (high - low)

    lines = [
        Markup('<polyline points="{}" class="curve c{} d{}"/>').format(
            _points(curve.values, x_of), place % 6, place % 6
        )
        for place, curve in enumerate(curves)
    ]
    inner = Markup(
        '<svg x="40" y="6" width="88%" height="150" viewBox="0 0 1000 1000" '
        'preserveAspectRatio="none" overflow="visible">{}{}</svg>'
    ).format(_grid(high - low), Markup("").join(lines))
    sides = Markup("").join(
        Markup('<text x="34" y="{}" text-anchor="end">{}</text>').format(10 + 150 * (1 - at), text)
        for at, text in ((1.0, "100 %"), (0.5, "50 %"), (0.0, "0"))
    )
    bottom = Markup("").join(
        Markup(
            '<svg x="40" width="88%" overflow="visible"><text x="{:.2f}%" y="174" '
            'text-anchor="{}">{}</text></svg>'
        ).format(
            100 * (power - low) / (high - low),
            "end" if power == high else "middle",  # a narrow page ends there
            duration(10**power),
        )
        for power in range(low, high + 1)
    )
    drawn = Markup('<svg height="180" role="img"><title>{}</title>{}{}{}</svg>').format(
        title, inner, sides, bottom
    )
    legend = [
        Key(
            Markup(
                '<svg viewBox="0 0 14 14" aria-hidden="true">'
                '<path d="M0 7 H14" class="curve c{0} d{0}"/></svg>'
            ).format(place % 6),
            f"{curve.label}: {len(curve.values):,}, median {duration(_at(curve.values, 0.5))}, "
            f"95 % {duration(_at(curve.values, 0.95))}, worst {duration(curve.values[-1])}",
        )
        for place, curve in enumerate(curves)
    ]
    return Chart(title, legend, svg=drawn)


def _at(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


_STEPS = 200
"""Points of a curve: more than its pixels would show."""


def _points(values: Sequence[float], x_of: object) -> str:
    assert callable(x_of)
    count = len(values)
    places = sorted({round(each * (count - 1) / _STEPS) for each in range(_STEPS + 1)})
    points = [f"{x_of(values[0]):.1f},1000"]
    before = 0.0
    for place in places:
        share = (place + 1) / count
        x = x_of(values[place])
        points.append(f"{x:.1f},{1000 * (1 - before):.1f}")
        points.append(f"{x:.1f},{1000 * (1 - share):.1f}")
        before = share
    points.append("1000,0")
    return " ".join(points)


def _grid(decades: int) -> Markup:
    lines = [f"M{1000 * each / decades:.1f} 0 V1000" for each in range(decades + 1)]
    lines += [f"M0 {y} H1000" for y in (0, 500, 1000)]
    return Markup(
        '<path d="{}" class="axis" fill="none" vector-effect="non-scaling-stroke"/>'
    ).format(" ".join(lines))


def shares(parts: Sequence[tuple[str, float, str, str]]) -> list[Line]:
    """Return bars of (label, amount, class, value), the largest as wide as there is room."""
    most = max((amount for _, amount, _, _ in parts), default=0) or 1
    return [
        Line(label, svg([box(0, 100 * amount / most, name)], f"{label}: {value}"), value)
        for label, amount, name, value in parts
    ]


def plain(text: str) -> Markup:
    """Return text escaped."""
    return Markup(escape(text))
