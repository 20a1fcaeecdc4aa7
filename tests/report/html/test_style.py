"""The page's colours: WCAG 2.2 AA contrast, and what the colour-blind can tell apart."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest
from oracle.colour import DICHROMATS, apart, ciede2000, contrast

import analyzer

STYLE = Path(analyzer.__file__).parent / "report" / "html" / "style.css"
BLOCK = re.compile(r":root[^{]*\{([^}]*--page[^}]*)\}")
PALETTES = dict(
    zip(
        ("light", "dark"),
        (
            dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", each))
            for each in BLOCK.findall(STYLE.read_text())
        ),
        strict=True,
    )
)
EYES = ("", *DICHROMATS)
PHASES = ("dns", "bad", "tcp", "tls", "idle", "request", "first")


def filled(name: str) -> str:
    """Return the variable of a class that fills shapes."""
    (found,) = re.findall(rf"\.{name} \{{ fill: var\(--(\w+)\)", STYLE.read_text())
    return str(found)


def test_the_measures_are_those_of_their_authors() -> None:
    # WCAG 2.2: 21 for black and white; 4.48 is the known ratio of #777777 on white.
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    # Sharma, Wu and Dalal (2005), table 1, pairs 1, 7, 17 and 25.
    for one, other, distance in (
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ):
        assert ciede2000(one, other) == pytest.approx(distance, abs=0.0001)
    # Red and green of the same lightness: the known confusion of deuteranopes.
    assert apart("#c05050", "#708000", "deuteranopia") < apart("#c05050", "#708000") / 3


@pytest.mark.parametrize("palette", PALETTES)
def test_text_has_the_contrast_of_wcag_aa(palette: str) -> None:
    """Success criterion 1.4.3: 4.5 to 1."""
    colours = PALETTES[palette]
    pairs = [(one, other) for one in ("text", "soft") for other in ("page", "box", "row")]
    pairs += [("link", "page"), *((each, "box") for each in ("bad", "warn", "note"))]
    low = {pair: contrast(*(colours[each] for each in pair)) for pair in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("palette", PALETTES)
def test_shapes_have_the_contrast_of_wcag_aa(palette: str) -> None:
    """Success criterion 1.4.11: 3 to 1, for what drawings say and the edges of controls."""
    colours = PALETTES[palette]
    names = {
        filled(each) for each in ("life", "stall", "ping", "warn", *PHASES, "client", "server")
    }
    names |= {"soft", "link", "good", "bad"}
    low = {each: contrast(colours[each], colours["page"]) for each in names}
    assert {name: ratio for name, ratio in low.items() if ratio < 3} == {}


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize(
    "classes",
    [PHASES, ("life", "client", "server", "stall", "ping")],
    ids=["waterfall", "timeline"],
)
def test_all_eyes_can_tell_colours_of_a_drawing_apart(
    palette: str, eye: str, classes: tuple[str, ...]
) -> None:
    """By ten times the smallest difference that can be seen."""
    colours = PALETTES[palette]
    used = {colours[filled(each)] for each in classes}
    assert len(used) == len(classes)
    close = {pair: apart(*pair, eye) for pair in combinations(sorted(used), 2)}
    assert {pair: distance for pair, distance in close.items() if distance < 10} == {}
