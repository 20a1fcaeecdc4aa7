"""The comparison on the terminal, rendered to text."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from analyzer.analysis import compared
from analyzer.options import Options
from analyzer.report.comparison import TITLES, render, sentences
from analyzer.report.layout import make_console
from analyzer.tables.comparison import Compared, Comparison, Side
from analyzer.tables.schema import COMPARISON_GROUPS

CAPTURES = Path(__file__).parents[2] / "captures"
TAKEOVER = ("npm-ws-deflate-takeover.pcap", "npm-ws-deflate-no-takeover.pcap")


def comparison(a: str, b: str) -> Comparison:
    return compared([CAPTURES / a], [CAPTURES / b], Options())


def rendered(made: Comparison, width: int = 100, where: str | None = None) -> str:
    console = make_console(io.StringIO())
    console.width = width
    render(made, ("a\x1b[31m.pcap", "[b].pcap"), console, where)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def made_of(**values: tuple[float | None, float | None, int]) -> Comparison:
    """Return a comparison with these figures: A's, B's, and their samples; 0: a total."""
    made = Comparison(Side(), Side())
    one = {"websocket_connections": (1.0, 1.0, 0)}
    for name, (a, b, samples) in (one | values).items():
        made.by_name[name] = Compared(
            made.by_name[name].metric, a, b, samples or None, samples or None
        )
    made.lines = list(made.by_name.values())
    return made


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize(
    "names",
    [TAKEOVER, ("lossy.pcap", "veth-ipv6.pcap"), ("npm-ws-many.pcap", "wss-tls13.pcap")],
)
def test_lines_fit_and_hold_nothing_that_a_terminal_obeys(
    names: tuple[str, str], width: int
) -> None:
    text = rendered(comparison(*names), width)
    assert max(map(len, text.splitlines())) <= width
    assert text.replace("\n", "").isprintable()
    assert all(line == line.rstrip() for line in text.splitlines())
    assert "…" not in text


def test_title_says_which_is_which() -> None:
    lines = rendered(comparison(*TAKEOVER), where="path == '\x07'").splitlines()
    assert lines[:3] == [
        "A  a\\x1b[31m.pcap",
        "B  [b].pcap",
        "  Only connections for which path == '\\x07'",
    ]


def test_every_group_has_its_section() -> None:
    assert tuple(TITLES) == COMPARISON_GROUPS


def test_rows() -> None:
    made = made_of(
        packets=(1000.0, 1500.0, 0),
        upgrade_us_median=(19_000.0, 41_000.0, 7),
        upgrade_us_p95=(20_000.0, 18_000.0, 7),
        tcp_us_median=(None, 300.0, 1),
        tcp_us_worst=(None, 300.0, 1),
        overhead_ratio=(0.25, 0.1, 9),
        ws_header_bytes_per_message=(6.25, 6.0, 9),
        closes_clean=(0.0, 3.0, 0),
    )
    lines = [" ".join(line.split()) for line in rendered(made, 120).splitlines()]
    for expected in (
        "packets 1,000 1,500 +500 1.50x",
        "upgrade, median 19.0 ms 41.0 ms +22.0 ms 2.16x 7 / 7 worse",
        "upgrade, 95 % 20.0 ms 18.0 ms -2.00 ms 0.90x 7 / 7",  # of 7 the 95 % is chance
        "TCP connect, median - 300 µs - - 1 / 1",
        "overhead of messages 25.0 % 10.0 % -15.0 points 0.40x 9 / 9 better",
        "a message: WebSocket headers 6.2 B 6 B -0.2 B 0.96x 9 / 9",
        "closed cleanly 0 3 +3 -",
    ):
        assert expected in lines, expected
    assert not any("worst" in line or "reset" in line for line in lines)
    assert "Findings" not in lines


def test_sentences_say_what_rests_on_enough() -> None:
    made = made_of(
        total_us_median=(19_000.0, 41_000.0, 5),
        wire_bytes_per_message=(200.0, 176.0, 40),
        payload_bytes_per_message=(50.0, 51.0, 40),
        rtt_us_median=(1000.0, 900.0, 5),
        delivery_us_median=(10.0, 900.0, 4),
    )
    assert list(sentences(made)) == [
        "B's opening handshakes take 2.2 times as long (median 41.0 ms against 19.0 ms).",
        "Its messages cost 12 % fewer bytes on the wire (176 B against 200 B each); "
        "their payload is alike.",
        "Its pings take 10 % less time (median 900 µs against 1.00 ms).",
    ]


def test_sentence_about_messages_names_their_payload() -> None:
    wire = (200.0, 500.0, 40)
    other = made_of(wire_bytes_per_message=wire, payload_bytes_per_message=(50.0, 350.0, 40))
    (sentence,) = sentences(other)
    assert sentence == (
        "B's messages cost 2.5 times the bytes on the wire (500 B against 200 B each); "
        "their payload differs as well (350 B against 50 B)."
    )
    unknown = made_of(wire_bytes_per_message=wire, payload_bytes_per_message=(None, None, 0))
    assert next(sentences(unknown)).endswith("(500 B against 200 B each).")


def test_without_the_syn_the_upgrade_is_told() -> None:
    made = made_of(upgrade_us_median=(1000.0, 1200.0, 5))
    expected = "B's opening handshakes take 20 % longer (median 1.20 ms against 1.00 ms)."
    assert list(sentences(made)) == [expected]


@pytest.mark.parametrize(
    ("found", "start"),
    [
        ((0.0, 0.0, 0), "Neither of the two holds a WebSocket connection."),
        ((0.0, 4.0, 0), "A holds no WebSocket connection."),
        ((4.0, 0.0, 0), "B holds no WebSocket connection."),
        ((1.0, 1.0, 0), "Too little to say which is better"),
    ],
)
def test_sentence_where_nothing_can_be_said(found: tuple[float, float, int], start: str) -> None:
    (sentence,) = sentences(made_of(websocket_connections=found))
    assert sentence.startswith(start)


def test_sentence_where_both_are_alike() -> None:
    (sentence,) = sentences(comparison("npm-ws-many.pcap", "npm-ws-many.pcap"))
    assert sentence == "Neither handshakes nor messages nor pings differ by more than 5 %."
