"""What the sections say, from rows made by hand."""

from __future__ import annotations

from pathlib import Path

from oracle.rows import Row, table_rows

import analyzer
from analyzer.report.html import sections
from analyzer.report.html.data import Kept
from analyzer.tables import schema
from analyzer.tables.summary import Summary

START = 1_767_323_045_000_000_000
MS = 1_000_000


def kept(name: str, rows: list[Row]) -> Kept:
    made = Kept(schema.BY_NAME[name], 1000)
    made.add(table_rows(schema.BY_NAME[name], rows))
    return made


CONNECTION: Row = {
    **{"connection": 7, "path": "/<b>", "opened_at": START + 100 * MS, "wire_bytes": 9},
    **{"closed_at": START + 600 * MS, "close_kind": "reset", "client_messages": 1},
    "server_messages": 2,
}
MESSAGES: list[Row] = [
    {"connection": 7, "direction": "client", "time_first": START + 200 * MS, "payload_bytes": 0},
    {"connection": 7, "direction": "server", "time_first": START + 310 * MS, "payload_bytes": 5,
     "stall_us": 30 * MS, "delivery_us": 40 * MS},
    {"connection": 7, "direction": "server", "time_first": START + 311 * MS, "payload_bytes": 7,
     "delivery_us": 10 * MS},
]  # fmt: skip


def test_timeline() -> None:
    section = sections.timeline(
        kept("connections", [CONNECTION]),
        kept("messages", MESSAGES),
        kept("pings", [{"connection": 7, "sent_at": START + 400 * MS}]),
        (START, START + 1000 * MS),
    )
    (line,) = section.charts[0].rows or ()
    assert 'x="10.000%" y="6.00" width="50.000%"' in line.svg
    for name in ("client", "server", "stall", "ping", "mark line bad"):
        assert line.svg.count(f'"{name}"') == 1, name
    assert line.value == "3 messages"
    assert line.label == "7  /<b>"  # the template escapes it


def test_waterfall_adds_up() -> None:
    phases = {"tcp_us": 10 * MS, "idle_us": 5 * MS, "upgrade_us": 25 * MS, "first_message_us": 0}
    rows: list[Row] = [
        {"handshake": 0, "connection": 0, "outcome": "accepted", **phases},
        {"handshake": 1, "outcome": "refused", "status": 403, "upgrade_us": 80 * MS},
    ]
    slow, fast = sections.handshakes(kept("handshakes", rows)).charts[0].rows or ()
    assert (slow.value, fast.value) == ("80.0 ms", "40.0 ms, request to answer 25.0 ms")
    assert slow.label.endswith("refused 403")
    assert "TCP 10.0 ms; client idle 5.00 ms; request to answer 25.0 ms" in fast.svg
    assert 'x="18.750%"' in fast.svg  # 15 of 80 ms before the request


def test_delays_have_curves_only_of_what_was_timed() -> None:
    section = sections.delays(
        kept("messages", MESSAGES),
        kept("pings", [{"direction": "client", "rtt_us": None}]),
        kept("calls", [{"name": "add", "reply_us": 3 * MS}, {"name": "add"}]),
        kept(
            "http",
            [
                {"kind": "long-poll", "total_us": 900 * MS},
                {"kind": "sse", "total_us": 60_000 * MS},
                {"kind": "plain"},
            ],
        ),
    )
    assert section is not None
    titles = [chart.title.partition(":")[0] for chart in section.charts]
    assert titles == ["Delivery", "Calls", "Plain HTTP"]
    assert [key.text for key in section.charts[2].legend] == [
        "long-poll: 1, median 900 ms, 95 % 900 ms, worst 900 ms"
    ]
    assert "from server: 2, median 10.0 ms" in section.charts[0].legend[0].text
    assert "add: 1, median 3.00 ms" in section.charts[1].legend[0].text


def test_sizes_by_powers_of_two() -> None:
    rows = sections.sizes(kept("messages", MESSAGES)).charts[0].rows or ()
    assert [(row.label, row.value) for row in rows] == [
        ("empty", "1 up, 0 down"),
        ("1 B", "0 up, 0 down"),
        ("2 B to 3 B", "0 up, 0 down"),
        ("4 B to 7 B", "0 up, 2 down"),
    ]


def test_nothing_to_draw() -> None:
    connections, messages, pings, handshakes, calls, http = (
        kept(name, [])
        for name in ("connections", "messages", "pings", "handshakes", "calls", "http")
    )
    assert sections.timeline(connections, messages, pings, (0, 0)) is None
    assert sections.handshakes(handshakes) is None
    assert sections.delays(messages, pings, calls, http) is None
    assert sections.sizes(messages) is None
    assert sections.ledger(Summary()) is None
    assert sections.alternatives(Summary()) is None
    assert sections.outstanding(Summary()).cards == []


def test_messages_of_one_packet_have_a_sentence_in_place_of_a_curve() -> None:
    """One packet has one time: delivery is 0 for all of them."""
    none = kept("pings", []), kept("calls", []), kept("http", [])
    at_once: Row = {"connection": 7, "direction": "client", "delivery_us": 0}
    section = sections.delays(kept("messages", [at_once]), *none)
    assert (section.charts, len(section.lines)) == ([], 1)
    section = sections.delays(kept("messages", [at_once, {**at_once, "delivery_us": MS}]), *none)
    assert (len(section.charts), section.lines) == (1, [])


def test_messages_over_plain_http_are_compared_the_other_way_round() -> None:
    captures = Path(__file__).parents[3] / "captures"
    for name, which in (("calls-ajax", "Requests that were"), ("feed-long-poll", "What came over")):
        section = sections.alternatives(analyzer.analyze(captures / f"{name}.pcap").summary)
        assert section is not None
        assert section.title == "Against WebSocket"
        assert section.lines[0].startswith(f"{which} ")
        text = " ".join(section.lines)
        assert "with the headers of the same client's requests" in text
        assert "opening handshakes" not in text
        assert " a message" in text
        assert "their ratio to WebSocket's, and how much later than over WebSocket" in text
        assert (section.charts[0].rows or ())[0].label.startswith("WebSocket (modelled)")
    section = sections.alternatives(analyzer.analyze(captures / "feed-websocket.pcap").summary)
    assert section is not None
    assert section.title == "Against plain HTTP"
    assert section.lines[0].startswith("WebSocket was cheapest")
