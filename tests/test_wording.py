"""Words for people, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import wording


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12_345, "12.3 kB"), (999_499, "999 kB"),
     (999_500, "1.00 MB"), (4_567_890, "4.57 MB"), (2_000_000_000, "2.00 GB")],
)  # fmt: skip
def test_size(count: int, text: str) -> None:
    assert wording.size(count) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0 ns"), (312_000, "312 µs"), (3_412_000, "3.41 ms"), (800_000_000, "800 ms"),
     (12_500_000_000, "12.5 s"), (-5_000_000, "-5.00 ms"), (200_000_000_000, "3 min 20 s"),
     (7_500_000_000_000, "2 h 5 min"), (273_600_000_000_000, "3 d 4 h")],
)  # fmt: skip
def test_duration(ns: int, text: str) -> None:
    assert wording.duration(ns) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(1, 4, "25.0 %"), (0, 4, "0.0 %"), (1, 10_000, "<0.1 %"), (1, 0, "-")],
)
def test_share(part: int, whole: int, text: str) -> None:
    assert wording.share(part, whole) == text


def test_counts_and_times() -> None:
    assert wording.plural(1, "packet") == "1 packet"
    assert wording.plural(1234, "packet") == "1,234 packets"
    assert wording.plural(2, "query", "queries") == "2 queries"
    assert wording.moment(1_767_323_045_000_000_006) == "2026-01-02 03:04:05"
    assert wording.clock(1_767_323_045_123_456_789) == "03:04:05.123456"
    assert wording.timestamp(1_767_323_045_123_456_789) == "2026-01-02T03:04:05.123456Z"
    assert wording.address("10.0.0.1", 80) == "10.0.0.1:80"
    assert wording.address("2001:db8::7", 80) == "[2001:db8::7]:80"
    assert wording.address(None, None) == "?"


def test_printable_shows_what_terminals_obey() -> None:
    hostile = "\x1b[31m\x9b0m\u202e\u2066\u200b\ud800\r\n\x00\x7f"
    shown = "\\x1b[31m\\x9b0m\\u202e\\u2066\\u200b\\ud800\\x0d\\x0a\\x00\\x7f"
    assert wording.printable(hostile) == shown
    assert wording.printable("caf\u00e9 [bold] \u4e16") == "caf\u00e9 [bold] \u4e16"


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_printable_is_printable(text: str) -> None:
    assert wording.printable(text).replace(" ", "").isprintable() or any(
        character.isspace() for character in wording.printable(text)
    )
    assert "\x1b" not in wording.printable(text)
