"""The terminal's sections on other transports, rendered to text from plain rows."""

from __future__ import annotations

import io
from typing import Any

import pytest
from oracle.rows import table_rows
from rich.console import Console

from analyzer.report.alternatives import bits, name_of, scaling, section, verdict
from analyzer.report.layout import make_console
from analyzer.report.terminal import render
from analyzer.tables.schema import ALTERNATIVES, SCALING, TRANSPORTS
from analyzer.tables.summary import Summary, row_values

S = 1_000_000_000
BIG = 2**62
Row = dict[str, Any]


def row(transport: str, wire: int, **more: Any) -> Row:
    """A row as Summary keeps it: beside WebSocket's 10,000 bytes on the wire, 4,000 above TCP."""
    polls = transport.startswith("short-poll")
    made: Row = {
        "transport": transport,
        "interval_s": S if polls else None,
        "source": "measured" if transport == "websocket" else "modelled",
        "requests": 60,
        "packets": 200,
        "header_bytes": 1000,
        "application_bytes": wire // 2,
        "wire_bytes": wire,
        "ratio_application": wire / 2 / 4000,
        "ratio_wire": wire / 10_000,
        "added_latency_ms_mean": 512.4 if polls else 0.0,
        "added_latency_ms_p95": 951.0 if polls else 0.0,
        "empty_polls": 40 if polls else None,
        "scope": "connections",
        "messages": 39,
        "payload_bytes": 900,
        "duration_s": 60 * S,
        "requests_per_s": 1.0,
        "wire_bytes_per_s": wire / 60,
        "wire_bytes_per_message": wire / 39,
        "break_even_per_s": 17.123 if polls else None,
        **more,
    }
    return {column.name: made.get(column.name) for column in ALTERNATIVES.columns}


OURS = row("websocket", 10_000, application_bytes=4000, ratio_application=1.0)
WINS = [OURS, *(row(name, 12_345 + 1000 * n) for n, name in enumerate(TRANSPORTS[1:]))]
LOSES = [OURS, row("short-poll", 7_700), row("short-poll-h2", 8_000), row("stream", 20_000)]
SENTENCE = "WebSocket was cheapest on the wire: 10.0 kB; next is"


def console_of(width: int, encoding: str = "utf-8") -> Console:
    console = make_console(io.TextIOWrapper(io.BytesIO(), encoding))
    console.width = width
    return console


def text_of(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.TextIOWrapper)
    file.flush()
    assert isinstance(file.buffer, io.BytesIO)
    return file.buffer.getvalue().decode(file.encoding)


def rendered(rows: list[Row], width: int = 100, encoding: str = "utf-8") -> str:
    console = console_of(width, encoding)
    section(rows, console)
    return text_of(console)


def words(text: str) -> str:
    return " ".join(text.split())


# --- the table


@pytest.mark.parametrize("width", [80, 100, 120, 140])
@pytest.mark.parametrize("rows", [WINS, LOSES], ids=["wins", "loses"])
def test_lines_fit(width: int, rows: list[Row]) -> None:
    lines = rendered(rows, width).splitlines()
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)
    assert "short poll h2 1.00 s" in words("\n".join(lines))


def test_figures() -> None:
    text = words(rendered(WINS, 120))
    assert "Against plain HTTP the same 39 messages at the same times" in text
    assert "requests packets app bytes x on wire x delay 95 %" in text
    assert "WebSocket (measured) 60 200 4.00 kB 1.00 10.0 kB 1.00 0 0" in text
    assert "short poll 1.00 s 60 200 6.67 kB 1.67 13.3 kB 1.33 512 ms 951 ms" in text
    assert "Modelled with headers made from the opening handshakes" in text


def test_rates_of_one_connection() -> None:
    """10,000 B in 60 s with 39 messages: 166.7 B/s, 256.4 B a message, 14.4 MB a day."""
    text = words(rendered([OURS, row("short-poll", 30_000)]))
    assert "while it lasts, WebSocket: 167 B/s, 256 B a message, 14.4 MB a day" in text
    assert "short polling each 1.00 s: 500 B/s, 769 B a message, 43.2 MB a day." in text
    unknown: Row = {"wire_bytes_per_s": None}
    assert "while it lasts" not in rendered([OURS | unknown])
    assert "a day" not in rendered([OURS | {"duration_s": S}])


def test_words_of_the_table_are_explained() -> None:
    text = words(rendered(WINS))
    for word in ("App bytes: what TCP carries", "on wire: whole packets", "x: times", "delay:"):
        assert word in text
    assert "request per message: the least it could be" in text
    for word in ("h2: over HTTP/2", "HTTP stream: an answer that goes on", "95 %: all but one"):
        assert word in words(rendered(WINS, 120))
        assert word not in words(rendered([OURS, row("sse", 12_000)], 100))
    assert "request per message" not in words(rendered(LOSES))


def test_sessions_are_not_modelled_from_handshakes() -> None:
    some = [OURS | {"source": "modelled"}, row("long-poll", 20_000, source="measured")]
    text = words(rendered(some))
    assert "with the headers of the same client's requests" in text
    assert "handshake" not in text


def test_what_has_no_room_is_left_out() -> None:
    assert "requests  packets" not in rendered(WINS, 80)
    assert "requests  packets" in rendered(WINS, 100)
    assert all("█" in rendered(WINS, width) for width in (80, 100, 120))
    assert "95 %" not in rendered(WINS, 100)
    assert "951 ms" in rendered(WINS, 120)


def test_the_cheapest_comes_first() -> None:
    lines = [line for line in rendered(LOSES).splitlines() if " kB " in line]
    assert [line.split("  ")[1].strip() for line in lines[:4]] == [
        "short poll 1.00 s",
        "short poll h2 1.00 s",
        "WebSocket (measured)",
        "HTTP stream",
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_with_ascii_alone(encoding: str) -> None:
    text = rendered(WINS, 120, encoding)
    assert "#" in text
    assert text.isascii()


def test_bars_are_in_proportion() -> None:
    text = rendered([OURS, row("stream", 20_000)], 140, "ascii")
    assert [line.count("#") for line in text.splitlines() if "#" in line] == [12, 24]


# --- the sentences


def test_websocket_wins() -> None:
    text = words(rendered(WINS))
    # The floor of one request a message is no way to deliver.
    assert (
        f"{SENTENCE} short polling 1.00 s with 1.33 times as much (1.67 times without TCP" in text
    )
    assert "without TCP/IP headers)" in text


def test_websocket_loses() -> None:
    text = words(rendered(LOSES))
    assert (
        "Short polling 1.00 s would have been cheapest on the wire: 7.70 kB, 0.77 times what "
        "WebSocket takes (0.96 times without TCP/IP headers), with messages 512 ms later on the "
        "average."
    ) in text
    assert "WebSocket was cheapest" not in text


def test_websocket_loses_to_what_is_not_late() -> None:
    text = verdict([OURS, row("stream", 5_000)])
    assert text.startswith("HTTP streaming would have been cheapest on the wire: 5.00 kB, 0.50")
    assert "later" not in text


def test_a_near_tie_is_none() -> None:
    text = verdict([OURS, row("sse", 9_950)])
    both = "WebSocket and server-sent events, the cheapest, cost the same on the wire"
    assert text == f"{both} within 1 %."


def test_a_floor_is_not_a_winner() -> None:
    assert verdict([OURS, row("request", 10), row("sse", 20_000)]).startswith(SENTENCE)


def test_websocket_alone() -> None:
    assert verdict([OURS]) == "WebSocket is the only one."


def in_gzip(transport: str, wire: int, coded: int, **more: Any) -> Row:
    ratios = {"gzip_ratio_wire": coded / 10_000, "gzip_ratio_application": coded / 8000}
    sizes = {"gzip_wire_bytes": coded, "gzip_application_bytes": coded // 2}
    return row(transport, wire, content_encoding="gzip", **sizes, **ratios, **more)


def test_a_websocket_that_compresses_is_compared_with_bodies_in_gzip():
    """Plain bodies take 3.61 times as much, and 0.75 times in gzip: only that is alike."""
    ours = {**OURS, "compressed": True}
    text = verdict([ours, in_gzip("sse", 36_100, 7_500), in_gzip("stream", 40_000, 9_000)])
    assert text.startswith("Server-sent events with bodies in gzip would have been cheapest")
    assert "7.50 kB, 0.75 times what WebSocket takes" in text
    assert "Without gzip, server-sent events takes 3.61 times as much as WebSocket." in text


def test_a_websocket_that_does_not_compress_is_compared_with_plain_bodies():
    ours = {**OURS, "compressed": False}
    text = verdict([ours, in_gzip("sse", 36_100, 7_500), in_gzip("stream", 20_000, 9_000)])
    assert text.startswith(f"{SENTENCE} HTTP streaming with 2.00 times as much")
    assert text.endswith(
        "With bodies in gzip, server-sent events takes 0.75 times as much as this WebSocket, "
        "which does not compress."
    )


@pytest.mark.parametrize(
    ("error", "words_of_it"),
    [(0.0, "all payload was deflated"), (150.0, "off by 2.0 %"), (None, "is not known")],
)
def test_how_much_of_the_payload_was_deflated(error, words_of_it):
    some = [OURS, in_gzip("sse", 36_100, 7_500, gzip_error_bytes=error)]
    assert words_of_it in words(rendered(some))
    assert "7.50 kB" in rendered(some, width=140)


def test_sessions_of_plain_http() -> None:
    ours = {**OURS, "source": "modelled", "scope": "sessions"}
    polls = row("short-poll", 30_000, source="measured", break_even_per_s=None)
    text = words(rendered([ours, polls]))
    assert text.startswith("Against WebSocket the same 39 messages")
    assert "WebSocket would have been cheapest on the wire" in text
    assert "short poll 1.00 s (measured)" in text
    better = words(rendered([ours, {**polls, "wire_bytes": 100, "ratio_wire": 0.01}]))
    assert "Short polling 1.00 s was cheapest on the wire: 100 B" in better


def test_break_even() -> None:
    text = words(rendered(LOSES))
    wanted = "Short polling 1.00 s costs as much as WebSocket at 17.1 messages a second"
    assert wanted in text
    # Of short polling over HTTP/1.1 alone; and not where there is none.
    assert text.count("costs as much") == 1
    assert "costs as much" not in rendered([OURS, row("short-poll", 9, break_even_per_s=None)])


def test_sources() -> None:
    observed = row("sse", 20_000, source="observed")
    assert "with the headers of real exchanges" in words(rendered([OURS, observed]))
    assert "Modelled" not in rendered([OURS])


# --- nothing to say


@pytest.mark.parametrize(
    "rows", [[], [row("sse", 5)], [{**OURS, "messages": 0}, row("sse", 5, messages=0)]]
)
def test_no_section_without_messages(rows: list[Row]) -> None:
    console = console_of(100)
    assert section(rows, console) is False
    assert text_of(console) == ""


def test_no_rates_without_messages() -> None:
    some = Summary()
    some.add(table_rows(ALTERNATIVES, [{**OURS, "messages": 0}]))
    some.add(table_rows(SCALING, [scaled("websocket")]))
    console = console_of(100)
    render(some, console)
    assert "clients" not in text_of(console)


def test_names() -> None:
    assert len({name_of(row(name, 1, interval_s=None)) for name in TRANSPORTS}) == len(TRANSPORTS)
    assert name_of(row("short-poll", 1, interval_s=300_000_000)) == "short polling 300 ms"


# --- hostile numbers


@pytest.mark.parametrize("width", [80, 100, 120])
def test_huge_numbers(width: int) -> None:
    counts = ("requests", "packets", "header_bytes", "application_bytes", "wire_bytes")
    huge: Row = dict.fromkeys(counts, BIG)
    huge |= {"messages": BIG, "interval_s": 86_400 * S, "ratio_application": 1e18}
    huge |= {"ratio_wire": 1e300, "added_latency_ms_mean": 1e14, "added_latency_ms_p95": 1e14}
    huge |= {"break_even_per_s": 1e18}
    text = rendered([{**OURS, "messages": BIG}, row("short-poll", 1) | huge], width)
    assert f"{BIG:,}" in text


def test_nothing_known() -> None:
    unknown: Row = dict.fromkeys(
        ("ratio_application", "ratio_wire", "added_latency_ms_mean", "added_latency_ms_p95")
    )
    zero = dict.fromkeys(("requests", "packets", "application_bytes", "wire_bytes"), 0)
    text = words(rendered([OURS | unknown | zero, row("sse", 0) | unknown | zero]))
    assert "server-sent events 0 0 0 B - 0 B - -" in text
    verdict = "WebSocket was cheapest on the wire: 0 B; next is server-sent events with an unknown"
    assert verdict in text


# --- many clients


def scaled(transport: str, clients: int = 1000, **more: Any) -> Row:
    made: Row = {
        "scope": "connections",
        "transport": transport,
        "interval_s": S if transport.startswith("short-poll") else None,
        "source": "modelled",
        "clients": clients,
        "requests_per_s": 1000.0,
        "packets_per_s": 3000.0,
        "header_bits_per_s": 6_968_000.0,
        "application_bits_per_s": 8_000_000.0,
        "wire_bits_per_s": 10_500_000.0,
        "wire_mb_per_day": 10.5 / 8 * 86_400,
    }
    return {**made, **more}


def scaled_text(rows: list[Row], width: int = 140) -> str:
    console = console_of(width)
    scaling(rows, console)
    return text_of(console)


def test_rates() -> None:
    some = [scaled("short-poll"), scaled("websocket", header_bits_per_s=16_000.0, requests_per_s=0)]
    text = words(scaled_text(some))
    heads = "requests/s packets/s headers application on the wire TCP/IP adds a day"
    assert f"1,000 clients {heads}" in text
    rates = "1,000 3,000 6.97 Mbit/s 8.00 Mbit/s 10.5 Mbit/s 2.50 Mbit/s 113 GB"
    assert f"short poll 1.00 s {rates}" in text
    assert "WebSocket 0 3,000 0.016 Mbit/s" in text


@pytest.mark.parametrize("width", [80, 100, 130])
def test_rates_fit(width: int) -> None:
    some = [scaled(name, wire_bits_per_s=696.8e6, packets_per_s=1e6) for name in TRANSPORTS]
    text = scaled_text(some, width)
    assert max(map(len, text.splitlines())) <= width
    assert "6.97 Mbit/s" in text
    assert "696.8 Mbit/s" in text


def test_a_block_for_each_number() -> None:
    text = words(scaled_text([scaled("sse", n) for n in (1, 100, 10)]))
    assert all(text.count(wanted) == 1 for wanted in ("1 client ", " 10 clients", "100 clients"))
    assert text.index("10 clients") < text.index("100 clients")


def test_no_time_no_rate() -> None:
    unknown: Row = {name: None for name in scaled("sse") if "_per_" in name}
    assert "server-sent events - - - - - - -" in words(scaled_text([scaled("sse") | unknown]))
    assert scaled_text([]) == ""


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (None, "-"),
        (0.0, "0.000 Mbit/s"),
        (16_000.0, "0.016 Mbit/s"),
        (160_000.0, "0.160 Mbit/s"),
        (1.6e6, "1.60 Mbit/s"),
        (6.968e6, "6.97 Mbit/s"),
        (9.999e6, "10.0 Mbit/s"),
        (69.68e6, "69.7 Mbit/s"),
        (696.8e6, "696.8 Mbit/s"),
        (999.96e6, "1.00 Gbit/s"),
        (37.7e9, "37.7 Gbit/s"),
        (5e12, "5.00 Tbit/s"),
        (5e16, "50,000.0 Tbit/s"),
    ],
)
def test_bits(rate: float | None, text: str) -> None:
    """The published figures: 6.97, 69.7 and 696.8 against 0.016, 0.16 and 1.6."""
    assert bits(rate) == text


def test_rows_of_totals_alone_reach_the_report() -> None:
    some = Summary()
    each = {**OURS, "scope": "connection", "connection": 5}
    some.add(table_rows(ALTERNATIVES, [each, OURS]))
    assert list(some.alternatives) == ["connections"]
    made = table_rows(ALTERNATIVES, [OURS])
    assert row_values(made, 0)["messages"] == 39


def test_a_proxy_that_buffers_is_no_choice_and_has_a_sentence():
    held = row("stream-buffered", 5_000, added_latency_ms_mean=612.0, added_latency_ms_p95=998.0)
    text = words(rendered([OURS, row("sse", 12_000), held], 80))
    assert "cheapest on the wire: 10.0 kB; next is server-sent events" in text
    assert "buffered stream: through a proxy that holds bytes back, as --buffered says." in text
    assert "late by 612 ms on the average, 5 % of them by more than 998 ms." in text
    assert "holds bytes" not in words(rendered([OURS, row("sse", 12_000)], 80))
