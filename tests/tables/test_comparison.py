"""The comparison: by hand over made captures, and over real ones with pandas."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import dpkt
import pandas as pd
import pytest
from conversation import TEXT, Conversation, Packet, frame, pcap

import analyzer
from analyzer.analysis import compared
from analyzer.options import Options
from analyzer.tables.comparison import FEW, METRICS, Compared, Comparison, Metric, Side
from analyzer.tables.schema import COMPARISON, COMPARISON_GROUPS, TABLES

CAPTURES = Path(__file__).parents[2] / "captures"
KEY = b"\1\2\3\4"


def chat(port: int, step_us: int, answer: int, messages: int = 1) -> list[Packet]:
    """A handshake, then messages of 10 bytes and answers, a packet each `step_us`."""
    made = Conversation(client_port=port, step_ns=1000 * step_us).upgrade()
    for _ in range(messages):
        made.client(frame(TEXT, b"x" * 10, key=KEY)).server(frame(TEXT, b"y" * answer))
    return made.close().packets


def capture(folder: Path, name: str, *chats: list[Packet]) -> Path:
    path = folder / name
    packets = sorted((packet for some in chats for packet in some), key=lambda p: p.time_ns)
    path.write_bytes(pcap(packets))
    return path


def indexed(frame: pd.DataFrame) -> dict[str, Any]:
    """Return rows by metric."""
    return {row.metric: row for row in frame.itertuples()}


def test_by_hand(tmp_path: Path) -> None:
    """Headers are 14 Ethernet + 20 IP + 20 TCP, so that a pure ACK is 54 bytes.

    SYN, SYN-ACK, ACK, request, ACK, 101, ACK, then a message and an ACK each way, Close
    and ACK each way, FIN, FIN, ACK: 18 packets. A sends one each 100 us, B each 200 us.
    """
    a = capture(tmp_path, "a.pcap", chat(40000, 100, 20))
    b = capture(tmp_path, "b.pcap", chat(40000, 200, 50))
    made = indexed(analyzer.compare(a, b))
    hand = {
        "packets": (18, 18),
        "duration_s": (17 * 100e-6, 17 * 200e-6),
        "websocket_connections": (1, 1),
        "handshakes_accepted": (1, 1),
        "handshakes_refused": (0, 0),
        "tcp_us_median": (200, 400),  # packets 0 to 2
        "upgrade_us_p95": (200, 400),  # 3 to 5
        "total_us_worst": (500, 1000),  # 0 to 5
        "first_message_us_median": (200, 400),  # 5 to 7
        "messages": (2, 2),
        "server_messages": (1, 1),
        "payload_bytes_per_message": (15, 30),
        "client_wire_bytes_per_message": (10 + 6 + 54 + 54, 10 + 6 + 54 + 54),
        "server_wire_bytes_per_message": (20 + 2 + 54 + 54, 50 + 2 + 54 + 54),
        "wire_bytes_per_message": (127, 142),
        "overhead_ratio": (224 / 254, 224 / 284),
        "ws_header_bytes_per_message": (4, 4),
        "packet_header_bytes_per_message": (54, 54),
        "ack_bytes_per_message": (54, 54),
        "retransmitted_bytes_per_message": (0, 0),
        "compressed_messages": (0, 0),
        "stall_us_sum": (0, 0),
        "closes_clean": (1, 1),
        "closes_reset": (0, 0),
        "findings_error": (0, 0),
        "http_exchanges": (0, 0),
    }
    for name, (left, right) in hand.items():
        row = made[name]
        assert (row.a, row.b) == pytest.approx((left, right), abs=1e-6), name
        assert row.difference == pytest.approx(right - left, abs=1e-6), name
        if left:
            assert row.ratio == pytest.approx(right / left, abs=1e-6), name
        else:
            assert pd.isna(row.ratio), name
    for name in ("tls_us_median", "rtt_us_median", "compression_ratio"):
        row = made[name]
        assert pd.isna(row.a), name
        assert pd.isna(row.difference), name
        assert (row.samples_a, row.samples_b) == (0, 0)
    assert (made["tcp_us_median"].samples_a, made["messages"].samples_a) == (1, pd.NA)
    assert made["server_wire_bytes_per_message"].samples_b == 1


def test_dtypes_and_order_whatever_the_captures_hold(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(pcap([]))
    made = analyzer.compare(empty, CAPTURES / "python-aiohttp-plain-http.pcap")
    assert list(made["metric"]) == [metric.name for metric in METRICS]
    assert [str(kind) for kind in made.dtypes] == [
        *("string", "category", "category"),
        *("float64",) * 4,
        *("Int64", "Int64"),
    ]
    rows = indexed(made)
    assert (rows["packets"].a, rows["packets"].b) == (0, 90)
    assert pd.isna(rows["packets"].ratio)
    assert pd.isna(rows["duration_s"].a)
    assert pd.isna(rows["http_wire_bytes_per_exchange"].a)
    assert rows["http_wire_bytes_per_exchange"].b > 0


def test_names_are_unique_and_declared() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert {metric.group for metric in METRICS} == set(COMPARISON_GROUPS)
    assert {metric.like for metric in METRICS} - {""} <= set(names)
    assert COMPARISON not in TABLES


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("npm-ws-deflate-takeover.pcap", "npm-ws-deflate-no-takeover.pcap"),
        ("lossy.pcap", "npm-ws-many.pcap"),
        ("handshakes.pcap", "nginx-proxy.pcapng"),
    ],
)
def test_against_pandas(a: str, b: str) -> None:
    made = analyzer.compare(CAPTURES / a, CAPTURES / b).set_index("metric")
    for letter, name in (("a", a), ("b", b)):
        tables = analyzer.analyze(CAPTURES / name)
        expected = with_pandas(tables)
        found = made.loc[list(expected), letter]
        pd.testing.assert_series_equal(
            found, pd.Series(expected, name=letter), check_index=False, atol=1e-6, rtol=0
        )
        known = messages_once(tables).delivery_us.count()
        assert made[f"samples_{letter}"]["delivery_us_p95"] == known


_ABOVE_TCP = ["http_bytes", "ws_header_bytes", "ws_control_bytes", "transfer_bytes"]


def messages_once(tables: analyzer.Analysis) -> pd.DataFrame:
    """Return the messages of all conversations, each from the leg that opened first."""
    legs = tables.connections.dropna(subset=["leg"])
    again = legs[legs.duplicated("leg")]["connection"]
    return tables.messages[~tables.messages["connection"].isin(again)]


def rates(tables: analyzer.Analysis, seconds: float) -> dict[str, float]:
    """Rates of the capture and of a connection, from the rows of each connection alone."""
    rows = tables.alternatives
    each = rows[(rows.source == "measured") & rows.scope.isin(["connection", "session", "service"])]
    lasted, nan = each.duration_s.sum(), float("nan")
    per_s = each.wire_bytes.sum() / lasted if lasted else nan
    whole = tables.summary.capture.wire_bytes
    return {
        "wire_bytes_per_day": whole / seconds * 86_400 if seconds >= 10 else nan,
        "connection_wire_bytes_per_s": per_s,
        "connection_wire_bytes_per_day": per_s * 86_400 if lasted >= 10 else nan,
    }


def with_pandas(tables: analyzer.Analysis) -> dict[str, float]:
    """Compute some of the metrics once more, from the tables."""
    messages, ledger, http = messages_once(tables), tables.ledger, tables.http
    accepted = tables.handshakes[tables.handshakes.outcome == "accepted"]
    sent = messages[messages.direction == "server"]
    squeezed = messages[messages.compressed & messages.payload_bytes.notna()]
    of_websocket = ledger[ledger.connection.notna()].sum(numeric_only=True)
    found = tables.findings
    summary = tables.summary.capture
    seconds = (summary.last_time - summary.first_time) / 1e9
    return {
        "upgrade_us_median": accepted.upgrade_us.median(),
        "total_us_p95": accepted.total_us.quantile(0.95),
        "first_message_us_worst": accepted.first_message_us.max(),
        "handshakes_refused": (tables.handshakes.outcome == "refused").sum(),
        "messages": len(messages),
        "server_messages": len(sent),
        "payload_bytes_per_message": messages.payload_bytes.astype(float).mean(),
        "server_wire_bytes_per_message": sent.wire_bytes.mean() if len(sent) else float("nan"),
        "ack_bytes_per_message": messages.ack_bytes.mean() if len(messages) else float("nan"),
        "packet_header_bytes_per_message": messages.packet_header_bytes.astype(float).mean(),
        "tcp_bytes_share": of_websocket.tcp_bytes / of_websocket.wire_bytes,
        "unparsed_bytes_share": of_websocket.unparsed_bytes / of_websocket.wire_bytes,
        "compression_ratio": squeezed.transfer_bytes.sum() / squeezed.payload_bytes.sum()
        if len(squeezed)
        else float("nan"),
        "application_bytes_per_s": of_websocket[_ABOVE_TCP].sum() / seconds,
        **rates(tables, seconds),
        "delivery_us_p95": messages.delivery_us.quantile(0.95),
        "stall_us_sum": messages.stall_us.sum(),
        "stalled_messages": (messages.stall_us > 0).sum(),
        "rtt_us_median": tables.pings.rtt_us.median(),
        "closes_clean": (tables.connections.close_kind == "clean").sum(),
        "findings_note": found[found.severity == "note"]["count"].sum(),
        "http_wire_bytes_per_exchange": http.wire_bytes.astype(float).mean(),
    }


def test_swapped_captures_negate_and_invert() -> None:
    paths = (CAPTURES / "lossy.pcap", CAPTURES / "npm-ws-many.pcap")
    one, other = analyzer.compare(*paths), analyzer.compare(*reversed(paths))
    pd.testing.assert_series_equal(one["a"], other["b"], check_names=False)
    pd.testing.assert_series_equal(one["difference"], -other["difference"])
    pd.testing.assert_series_equal(one["samples_a"], other["samples_b"], check_names=False)
    invertible = one["ratio"].notna() & other["ratio"].notna() & (one["a"] != 0) & (one["b"] != 0)
    assert invertible.sum() > 30
    # Both are rounded to six digits.
    products = (one["ratio"] * other["ratio"])[invertible & (one["ratio"].between(0.01, 100))]
    assert products.to_numpy() == pytest.approx(1, abs=1e-4)


def test_a_capture_beside_itself() -> None:
    made = analyzer.compare(CAPTURES / "lossy.pcap", CAPTURES / "lossy.pcap")
    assert set(made["difference"].dropna()) == {0}
    assert set(made["ratio"].dropna()) == {1}
    assert (made["ratio"].notna() == (made["a"].fillna(0) != 0)).all()


def test_where_holds_for_both(tmp_path: Path) -> None:
    chats = [chat(40000, 100, 20), chat(40001, 100, 60)]
    path = capture(tmp_path, "a.pcap", *chats)
    rows = indexed(analyzer.compare(path, path, where="client_port == 40001"))
    assert rows["server_wire_bytes_per_message"].a == 60 + 2 + 54 + 54
    assert rows["websocket_connections"].b == 1
    assert rows["packets"].a == 36  # of the capture, all the same


# --- verdicts: only where they can be given


LESS = Metric("x", "messages", "bytes", "x", lambda _: (None, 0), FEW, "size")
SIZE = replace(LESS, name="size", enough=0, like="")


@pytest.mark.parametrize(
    ("a", "b", "samples", "sizes", "verdict"),
    [
        (100, 90, (5, 5), (10, 10), "better"),
        (90, 100, (5, 5), (10, 10), "worse"),
        (0, 3, (5, 5), (10, 10), "worse"),
        (100, 96, (5, 5), (10, 10), None),  # 4 % is not notable
        (100, 90, (4, 500), (10, 10), None),  # too few
        (100, 90, (5, 5), (10, 9), None),  # shorter messages cost less, no merit
        (None, 90, (0, 5), (10, 10), None),
        (0, 0, (5, 5), (10, 10), None),
    ],
)
def test_verdict(
    a: float | None,
    b: float | None,
    samples: tuple[int, int],
    sizes: tuple[float, float],
    verdict: str | None,
) -> None:
    line, size = Compared(LESS, a, b, *samples), Compared(SIZE, *sizes, 5, 5)
    comparison = Comparison(Side(), Side())
    comparison.by_name = {"x": line, "size": size}
    assert comparison.verdict(line) == verdict
    assert comparison.verdict(size) is None


def test_better_compression_is_not_called_worse_for_its_larger_overhead() -> None:
    names = ("npm-ws-deflate-no-takeover.pcap", "npm-ws-deflate-takeover.pcap")
    made = compared([CAPTURES / names[0]], [CAPTURES / names[1]], Options())
    lines = made.by_name
    assert lines["overhead_ratio"].notable
    assert made.verdict(lines["overhead_ratio"]) is None
    assert made.verdict(lines["wire_bytes_per_message"]) == "better"


def test_delivery_over_websocket_beside_polls() -> None:
    """By the programs' own log, and tshark's bytes: captures/manifest.json."""
    names = ("chat-websocket", "chat-short-poll")
    a, b = (CAPTURES / f"{name}.pcap" for name in names)
    rows = indexed(analyzer.compare(a, b))
    manifest = json.loads((CAPTURES / "manifest.json").read_text(encoding="utf-8"))
    facts = [manifest[f"{name}.pcap"]["expected"]["delivery"] for name in names]
    # 130 deliveries to members, and the 20 lines that they said.
    assert [fact["delivered"] for fact in facts] == [130, 130]
    assert (rows["delivered_messages"].a, rows["delivered_messages"].b) == (150, 150)
    requests = rows["delivered_requests"]
    assert [requests.a, requests.b] == [fact["requests"] for fact in facts]
    wire = rows["delivered_wire_bytes_per_message"]
    assert wire.a == pytest.approx(pcap_bytes(a) / 150)
    # A poll's packets are counted to its exchange; those of the connections come by share.
    assert wire.b == pytest.approx(pcap_bytes(b) / 150, rel=0.01)
    wait = rows["delivered_wait_us_mean"]
    real = facts[1]["mean_latency_ms"] - facts[0]["mean_latency_ms"]
    assert wait.a == 0
    # Over all messages, of which the 20 of the members wait for no poll.
    assert wait.b == pytest.approx(1000 * real, rel=0.15)


def pcap_bytes(path: Path) -> int:
    """Return the original lengths of a pcap file's packets, by dpkt."""
    with path.open("rb") as file:
        return sum(len(packet) for _, packet in dpkt.pcap.Reader(file))
