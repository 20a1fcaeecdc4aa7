"""Shapes: text is escaped, places are percents, ticks are round."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from analyzer.report.html import drawing
from analyzer.report.html.drawing import Curve, box, cdf, mark, scale, shares, svg, time_ticks

EVIL = "</svg><script>alert(1)</script>&\"'"


def test_text_is_escaped() -> None:
    drawn = svg([box(0, 10, "client")], EVIL)
    assert "<script>" not in drawn
    assert ET.fromstring(drawn)[0].text == EVIL
    chart = cdf([Curve(EVIL, [1e6, 2e6])], EVIL)
    assert chart.svg is not None
    assert ET.fromstring(chart.svg)[0].text == EVIL


@pytest.mark.parametrize("kind", ["circle", "square", "cross", "triangle", "arrow"])
def test_each_end_has_its_shape(kind: str) -> None:
    assert ET.fromstring(svg([mark(50, kind, "bad")], "x")) is not None


def test_tiny_boxes_are_visible() -> None:
    assert 'width="0.120%"' in box(5, 0, "tcp")
    assert 'x="0.000%"' in box(-1, 5, "tcp")


@pytest.mark.parametrize(
    ("span", "texts"),
    [
        (2_500_000_000, ["0", "500 ms", "1.00 s", "1.50 s", "2.00 s", "2.50 s"]),
        (90_000_000_000, ["0", "20.0 s", "40.0 s", "60.0 s", "80.0 s"]),
        (0, ["0"]),
    ],
)
def test_time_ticks(span: int, texts: list[str]) -> None:
    ticks = time_ticks(span)
    assert [text for _, text in ticks] == texts
    assert all(0 <= at <= 100 for at, _ in ticks)
    assert ET.fromstring(scale(ticks)) is not None


def test_curve_rises_to_one_and_its_legend_has_the_quantiles() -> None:
    chart = cdf([Curve("x", [float(1e6 * n) for n in range(1, 101)])], "t")
    assert "100, median 50.0 ms, 95 % 95.0 ms, worst 100 ms" in chart.legend[0].text
    (line,) = [each for each in ET.fromstring(chart.svg or "").iter() if each.tag == "polyline"]
    points = [tuple(map(float, each.split(","))) for each in line.attrib["points"].split()]
    assert points == sorted(points, key=lambda p: (p[0], -p[1]))
    assert points[-1][1] == 0
    assert len(points) <= 2 * drawing._STEPS + 4


def test_shares_are_relative_to_the_largest() -> None:
    lines = shares([("a", 50, "client", "50 B"), ("b", 100, "good", "100 B")])
    assert 'width="50.000%"' in lines[0].svg
    assert 'width="100.000%"' in lines[1].svg
    assert shares([]) == []
