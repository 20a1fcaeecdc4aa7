"""Opening handshakes of tests/cases: each file's right answer, as its situation and the RFCs say.

The values come from the RFC named beside each case, never from a run of the program.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from oracle.whole import assert_ties_out, tables_of

import analyzer

CASES = Path(__file__).parent / "cases"
FRAMES_ASIDE = ("websocket-close-abnormal",)
"""What is about the end of a connection, not about how it began."""


def told(result: Any) -> list[tuple[str, str, int, str | None]]:
    """Return (severity, id, packet, rfc) of each finding about heads."""
    rows = result.findings.to_dict("records")
    return sorted(
        (row["severity"], row["id"], row["packet"], row["rfc"])
        for row in rows
        if row["id"] not in FRAMES_ASIDE
    )


def attempts(result: Any) -> list[tuple[str, int | None]]:
    rows = result.handshakes.to_dict("records")
    return [(row["outcome"], row["status"]) for row in rows]


def messages(result: Any) -> list[tuple[int, int]]:
    rows = result.connections.to_dict("records")
    return [(row["client_messages"], row["server_messages"]) for row in rows]


ERROR = "error"
ONE_EACH = [(1, 1)]

HTTP1: dict[str, tuple[list[tuple[str, int]], list[tuple[str, str, int, str]], Any]] = {
    "101_curl_no_key": (
        [("bad-accept", 101)],
        [
            (ERROR, "handshake-bad-version", 4, "RFC 6455 4.1"),
            (ERROR, "handshake-missing-accept", 6, "RFC 6455 4.2.2"),
            (ERROR, "handshake-missing-key", 4, "RFC 6455 4.1"),
        ],
        [],
    ),
    "101_content_length": (
        [("accepted", 101)],
        [(ERROR, "handshake-body-in-101", 6, "RFC 9110 8.6")],
        [(1, 2)],
    ),
    "101_chunked": (
        [("accepted", 101)],
        [(ERROR, "handshake-body-in-101", 6, "RFC 9112 6.1")],
        [(1, 2)],
    ),
    "101_no_connection": (
        [("bad-response", 101)],
        [(ERROR, "handshake-bad-connection", 6, "RFC 6455 4.1")],
        ONE_EACH,
    ),
    "101_bare_lf": ([("accepted", 101)], [], ONE_EACH),
    "101_lower_case": ([("accepted", 101)], [], ONE_EACH),
    "101_trailing_space": ([("accepted", 101)], [], ONE_EACH),
    "101_with_first_frames": ([("accepted", 101)], [], [(0, 2)]),
    "101_not_websocket": ([], [], []),
    "interim_100": ([("accepted", 101)], [], ONE_EACH),
    "interim_103": ([("accepted", 101)], [], ONE_EACH),
    "proxy_v1": ([("accepted", 101)], [("info", "http-proxied", 4)], [(5, 5)]),
    "proxy_v1_own_segment": ([("accepted", 101)], [("info", "http-proxied", 4)], [(5, 5)]),
    "proxy_v1_unknown": ([("accepted", 101)], [], [(5, 5)]),
    "proxy_v2": ([("accepted", 101)], [("info", "http-proxied", 4)], [(5, 5)]),
    "proxy_200_then_101": (
        [("refused", 200)],
        [("warning", "handshake-refused", 6, "RFC 6455 4.1")],
        [],
    ),
    "connection_close_no_answer": (
        [("no-answer", None)],
        [
            (ERROR, "handshake-bad-connection", 4, "RFC 6455 4.1"),
            ("warning", "handshake-no-answer", 4, "RFC 6455 4.1"),
        ],
        [],
    ),
    "stripped_key_h2_to_h1": (
        [("refused", 400)],
        [
            (ERROR, "handshake-missing-key", 4, "RFC 6455 4.1"),
            ("warning", "handshake-refused", 6, "RFC 6455 4.1"),
        ],
        [],
    ),
    "outside/bad-101-then-http": (
        [("bad-response", 101), ("accepted", 101)],
        [
            (ERROR, "handshake-bad-method", 4, "RFC 6455 4.1"),
            (ERROR, "handshake-bad-upgrade", 6, "RFC 9110 7.8"),
            # The second request does have the first one's key.
            ("warning", "handshake-key-reused", 8, "RFC 6455 4.1"),
        ],
        ONE_EACH,
    ),
    "outside/get-answered-101-foo": (
        [("bad-response", 101)],
        [(ERROR, "handshake-bad-upgrade", 6, "RFC 9110 7.8")],
        [],
    ),
    "conformance/h-101-to-plain-get": (
        [("bad-response", 101)],
        [(ERROR, "handshake-unasked-101", 6, "RFC 9110 7.8")],
        ONE_EACH,
    ),
    "conformance/h-early-frame-then-404": (
        [("refused", 404)],
        [
            ("note", "handshake-early-data", 4, "RFC 6455 4.1"),
            ("warning", "handshake-refused", 6, "RFC 6455 4.1"),
        ],
        [],
    ),
    "conformance/h-hixie76": ([("bad-response", 101)], [("warning", "websocket-old-draft", 4)], []),
}

ACCEPTED_THOUGH = {
    "h-duplicate-key-same": (ERROR, "handshake-repeated-header", 4, "RFC 6455 11.3.1"),
    "h-duplicate-key-other": (ERROR, "handshake-repeated-header", 4, "RFC 6455 11.3.1"),
    "h-duplicate-version": (ERROR, "handshake-repeated-header", 4, "RFC 6455 11.3.5"),
    "h-sub-two-lines-response": (ERROR, "handshake-repeated-header", 6, "RFC 6455 11.3.4"),
    "h-duplicate-host": (ERROR, "handshake-repeated-header", 4, "RFC 9112 3.2"),
    "h-folding": ("warning", "http-malformed", 4, "RFC 9112 5.2"),
    "h-fragment-in-target": (ERROR, "handshake-fragment", 4, "RFC 6455 3"),
    "h-sub-duplicates-offered": (ERROR, "handshake-bad-subprotocol", 4, "RFC 6455 4.1"),
    "h-request-upgrade-versioned": (ERROR, "handshake-missing-upgrade", 4, "RFC 6455 4.1"),
    "h2-setting-2": (ERROR, "http2-connect-setting", 6, "RFC 8441 3"),
    "h2-scheme-ws": (ERROR, "http2-connect-invalid", 10, "RFC 8441 5"),
    "h2-get-with-protocol": (ERROR, "http2-connect-invalid", 10, "RFC 8441 4"),
    "h2-with-upgrade-connection": (ERROR, "http2-malformed", 10, "RFC 9113 8.2.2"),
    "h2-host-not-authority": None,
    "h2-end-stream-on-connect": (ERROR, "http2-connect-invalid", 10, "RFC 8441 5"),
    "n-answer-larger-client-bits": (ERROR, "handshake-bad-extension", 6, "RFC 7692 7.1"),
    "n-fallback-unknown-first": None,
}
"""Of each the one finding that there is; all are accepted."""


@pytest.mark.parametrize("name", HTTP1)
def test_heads_of(name: str) -> None:
    outcomes, found, both = HTTP1[name]
    result = analyzer.analyze(CASES / f"{name}.pcap")
    rows = result.handshakes.astype(object).where(result.handshakes.notna(), None)
    assert list(zip(rows["outcome"], rows["status"], strict=True)) == outcomes
    assert [row[: len(one)] for row, one in zip(told(result), found, strict=True)] == found
    assert messages(result) == both


@pytest.mark.parametrize("name", ["proxy_v1", "proxy_v1_own_segment", "proxy_v2"])
def test_client_that_a_balancer_names(name: str) -> None:
    (text,) = analyzer.analyze(CASES / f"{name}.pcap").findings["text"]
    assert "the client: 203.0.113.7:40000," in text


@pytest.mark.parametrize("name", ACCEPTED_THOUGH)
def test_one_fault_is_one_finding_in(name: str) -> None:
    expected = ACCEPTED_THOUGH[name]
    result = analyzer.analyze(CASES / "conformance" / f"{name}.pcap")
    assert result.handshakes["outcome"].tolist() == ["accepted"]
    assert told(result) == ([expected] if expected else [])
    got = messages(result)
    assert got == ([(0, 0)] if "end-stream" in name else [(1, 0)] if name[0] == "n" else ONE_EACH)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("ext_bits_7", "server_max_window_bits"),
        ("ext_bits_leading_zero", "server_max_window_bits"),
        ("ext_bits_no_value", "client_max_window_bits"),
        ("ext_client_bits_not_offered", "client_max_window_bits"),
        ("ext_server_bits_above_offer", "server_max_window_bits"),
        ("ext_server_notakeover_ignored", "server_no_context_takeover"),
        ("ext_takeover_value", "server_no_context_takeover"),
        ("ext_twice_param", "server_no_context_takeover"),
        ("ext_unknown_param", "mem_level"),
        ("ext_ok_bare", None),
    ],
)
def test_answered_parameters_of(name: str, parameter: str | None) -> None:
    result = analyzer.analyze(CASES / f"{name}.pcap")
    expected = [] if parameter is None else [(ERROR, "handshake-bad-extension", 6, "RFC 7692 7.1")]
    assert told(result) == expected
    assert all((parameter or "") in text for text in result.findings["text"][:1])
    assert messages(result) == [(0, 1)]


def test_stripped_upgrade_426_is_not_about_versions() -> None:
    # RFC 9110 15.5.22: 426 asks for an upgrade; only Sec-WebSocket-Version is about versions.
    result = analyzer.analyze(CASES / "stripped_upgrade_426.pcap")
    shakes = result.handshakes
    assert shakes[["outcome", "status", "request_packet", "response_packet"]].values.tolist() == [
        ["refused", 426, 4, 6],
        ["refused", 426, 15, 17],
        ["refused", 426, 26, 28],
    ]
    for reason in shakes["outcome_reason"]:
        assert "version" not in reason
        assert "asks for an upgrade (426, Upgrade: websocket)" in reason
        assert "no Upgrade" in reason


def test_stripped_http10_close_names_each_fault() -> None:
    result = analyzer.analyze(CASES / "stripped_http10_close.pcap")
    assert attempts(result) == [("refused", 400)] * 4
    ids = {"handshake-bad-connection", "handshake-bad-http-version", "handshake-missing-upgrade"}
    for packet in (4, 15, 26, 37):
        assert {row[1] for row in told(result) if row[2] == packet} == ids


def test_socketio_stays_polling() -> None:
    result = analyzer.analyze(CASES / "socketio_stays_polling.pcap")
    assert attempts(result) == [("refused", 400)]
    assert result.handshakes[["request_packet", "response_packet"]].values.tolist() == [[19, 21]]
    assert len(result.http) == 15


def test_h2_streams_refused() -> None:
    result = analyzer.analyze(CASES / "h2_streams_refused.pcap")
    rows = result.handshakes[["http2_stream", "outcome"]].values.tolist()
    assert rows == [[1, "accepted"], [3, "refused"], [5, "refused"], [7, "reset"]]
    assert result.handshakes["response_packet"].dropna().tolist() == [10, 18, 22]
    assert messages(result) == [(2, 2)]


def test_socks5():
    """RFC 1928 and RFC 1929 before the upgrade (p16); neither user nor password is shown."""
    tables = tables_of((CASES / "socks5.pcap").read_bytes())
    assert_ties_out(tables)
    (shake,) = tables["handshakes"].to_dict("records")
    assert (shake["outcome"], shake["server_ip"], shake["server_port"]) == (
        "accepted",
        "10.2.0.3",
        1080,
    )
    assert shake["host"] == "app.example.test"
    (row,) = tables["connections"].to_dict("records")
    assert (row["client_messages"], row["server_messages"]) == (5, 5)
    assert (row["client_payload_bytes"], row["server_payload_bytes"]) == (45, 30)
    assert (row["close_kind"], row["close_code"], row["closed_by"]) == ("clean", 1000, "client")
    assert row["end_packet"] == 40
    shown = " ".join(str(table.to_dict()) for table in tables.values())
    assert "pass" not in shown.replace("passes", "")
