"""Rows of tls_sessions, and what an encrypted attempt says in handshakes."""

from __future__ import annotations

import pandas as pd
from conversation import SYN, Conversation, Packet
from oracle import tls
from oracle.whole import Tables, assert_ties_out, tables_of

from analyzer.columns import NULL
from analyzer.options import Options
from analyzer.tables.timing import Attempt, Endpoints
from analyzer.tables.tls_sessions import TlsSessions

ONLY = tls.alpn(b"http/1.1")
BOTH = tls.alpn(b"h2", b"http/1.1")


def wss(port: int, *extensions: bytes, opened: bool = True) -> Conversation:
    one = Conversation(client_port=port, server_port=443)
    one.now += port * 1_000_000
    if opened:
        one.open()
    # Three records each way: the upgrade, a message and a Close.
    talk = [(0, tls.data()), (1, tls.data())] * 3
    turns = [*tls.hellos_1_3(tls.sni(b"a.example"), *extensions), *talk]
    for side, what in turns:
        one.send(("client", "server")[side], what)
    return one


def refused(port: int) -> Conversation:
    one = Conversation(client_port=port, server_port=443)
    one.segment("client", flags=SYN)
    one.segment("server", flags=20)
    return one


def upgraded(port: int) -> Conversation:
    return Conversation(client_port=port).upgrade().close()


def together(*ones: Conversation) -> Tables:
    packets: list[Packet] = [packet for one in ones for packet in one.packets]
    packets.sort(key=lambda packet: packet.time_ns)
    made = Conversation()
    made.packets = packets
    return tables_of(made.pcap(nanoseconds=True))


def test_an_encrypted_attempt():
    tables = together(wss(5, ONLY))
    (row,) = tables["handshakes"].itertuples()
    assert (row.outcome, row.scheme, row.host) == ("encrypted", "wss", "a.example")
    assert row.outcome_reason == (
        "Guessed to be a WebSocket: the client offers only http/1.1, as browsers do for wss. "
        "TLS 1.3, TLS_AES_256_GCM_SHA384, ALPN offered: http/1.1, not resumed."
    )
    # One packet each 100 µs: SYN, SYN-ACK, ACK; hello, ACK; flight, ACK; Finished.
    assert (row.tcp_us, row.tls_us) == (200, 400)
    assert row.syn_retries == 0
    for name in (
        "connection",
        "path",
        "method",
        "http_version",
        "status",
        "upgrade_us",
        "total_us",
    ):
        assert pd.isna(getattr(row, name, None)), name


def test_without_its_syn_an_attempt_begins_with_the_hello():
    tables = together(wss(5, ONLY, opened=False))
    (row,) = tables["handshakes"].itertuples()
    (session,) = tables["tls_sessions"].itertuples()
    assert pd.isna(row.tcp_us)
    assert row.started_at == session.started_at


def test_ordinary_https_has_a_session_and_no_attempt():
    tables = together(wss(5, BOTH))
    (row,) = tables["tls_sessions"].itertuples()
    assert (row.alpn_offered, row.websocket_guess) == ("h2, http/1.1", False)
    assert not len(tables["handshakes"])
    assert not len(tables["findings"])
    assert_ties_out(tables)


def test_numbers_come_behind_those_of_clear_attempts_and_before_failed_connects():
    tables = together(wss(1, ONLY), upgraded(2), wss(3, ONLY), refused(4))
    rows = tables["handshakes"].sort_values("handshake")
    assert list(rows["handshake"]) == [0, 1, 2, 3]
    assert list(rows["outcome"]) == ["accepted", "encrypted", "encrypted", "syn-refused"]
    assert list(rows["client_port"]) == [2, 1, 3, 4]


def test_attempts_beyond_the_limit_are_counted():
    held = TlsSessions(Options(max_encrypted_attempts=2))
    ends = Endpoints("a", 1, "b", 2)
    for stream in (7, 3, 5):
        held.add(Attempt(NULL, NULL, stream, ends, None, *[NULL] * 6))  # type: ignore[arg-type]
    attempts, found = held.finish(10)
    assert [(attempt.handshake, attempt.tcp_stream) for attempt in attempts] == [(10, 3), (11, 7)]
    assert [(finding.kind.id, finding.count) for finding in found] == [("tls-attempt-limit", 1)]


def test_the_client_is_who_says_hello():
    """A capture that begins behind the SYN, with a packet of the server."""
    one = Conversation(client_port=40_000, server_port=443)
    one.segment("server")
    for side, what in tls.hellos_1_2():
        one.send(("client", "server")[side], what)
    (row,) = together(one)["tls_sessions"].itertuples()
    assert (row.client_port, row.server_port) == (40_000, 443)
