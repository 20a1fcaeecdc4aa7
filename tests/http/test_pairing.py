"""Requests and responses brought together."""

import numpy as np
import pytest

from analyzer.columns import NULL
from analyzer.http.collector import Results
from analyzer.http.handover import PACKET, TIME, WIRE
from analyzer.http.head import read_head
from analyzer.http.pairing import Pairs, answer, begin, interim, settle_draft, unanswered
from analyzer.options import Options
from analyzer.tcp.bytestream import END_CAPTURE

PLAIN = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
ATTEMPT = b"GET /a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n"


def row(packet=5, time=100, wire=7):
    cells = [0] * 14
    cells[PACKET], cells[TIME], cells[WIRE] = packet, time, wire
    return tuple(cells)


def started(results, raw, *, cut=False):
    return begin(results, 0, 0, read_head(raw), 90, row(), cut=cut)


def test_exchange_takes_both_heads():
    transaction = started(Results(Options()), PLAIN)
    hints = read_head(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    final = read_head(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    interim(transaction, hints, 110)
    answer(transaction, final, 120, row(6, 130))
    exchange = transaction.exchange
    assert (exchange.method, exchange.path, exchange.host) == ("GET", "/a", "h")
    assert (exchange.status, exchange.content_type) == (200, "text/event-stream")
    assert exchange.response_header_bytes == hints.size + final.size
    assert (exchange.request_first_time, exchange.request_last_time) == (90, 100)
    assert (exchange.response_first_time, exchange.response_last_time) == (110, 130)
    assert (exchange.request_packet, exchange.response_packet) == (5, 6)


def test_attempt_tells_what_is_wrong_with_it():
    results = Results(Options())
    handshake = started(results, ATTEMPT).handshake
    # Only the answer tells a request like this from one of hixie-75.
    assert not results.findings
    assert not settle_draft(results, handshake, None, row(6, 130))
    assert [finding.kind.id for finding in results.findings] == [
        "handshake-bad-connection",
        "handshake-bad-version",
        "handshake-missing-key",
    ]
    assert "Connection" in handshake.outcome_reason


def test_cut_attempt_is_not_judged():
    results = Results(Options())
    handshake = started(results, ATTEMPT, cut=True).handshake
    assert handshake.outcome == "cut"
    assert not results.findings


def test_complete_exchange_lingers_for_its_last_packets():
    results = Results(Options())
    pairs = Pairs(results, 0)
    pairs.new_meter()
    transaction = started(results, PLAIN)
    pairs.add(transaction, 5)
    pairs.meter[0] += 10
    pairs.answered(transaction)
    assert not results.exchanges
    pairs.meter[0] += 5
    pairs.new_meter()
    assert [exchange.wire_bytes for exchange in results.exchanges] == [15]


def test_orphan_counts_its_own_packet():
    results = Results(Options())
    pairs = Pairs(results, 0)
    pairs.add_orphan(1, row())
    pairs.settle()
    (exchange,) = results.exchanges
    assert (exchange.client_side, exchange.wire_bytes, exchange.complete) == (1, 7, False)
    assert exchange.request_first_time == NULL


@pytest.mark.parametrize(
    ("fin", "reset", "resets", "outcome", "words"),
    [
        (-1, -1, [], "no-answer", "no answer"),
        (0, -1, [], "no-answer", "client gave up"),
        (1, -1, [], "reset", "server sent FIN"),
        (1, 0, [], "reset", "client sent RST"),
        (-1, -1, [1], "reset", "server sent RST"),
    ],
)
def test_how_an_attempt_ends_without_an_answer(fin, reset, resets, outcome, words):
    results = Results(Options())
    tcp = np.array(
        [(fin, reset, END_CAPTURE)], [("fin_side", "i1"), ("reset_side", "i1"), ("end", "u1")]
    )[0]
    handshake = started(results, ATTEMPT).handshake
    unanswered(handshake, results, tcp, 0, resets)
    assert handshake.outcome == outcome
    assert words in handshake.outcome_reason.lower().replace("fin", "FIN").replace("rst", "RST")
