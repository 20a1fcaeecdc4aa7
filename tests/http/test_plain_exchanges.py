"""Plain exchanges: who reads a body, when silence is a pause, what a limit says."""

import numpy as np
import pytest

from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL
from analyzer.http.collector import Results
from analyzer.http.delivery.polling import PAUSE_NS
from analyzer.http.head import read_head
from analyzer.http.pairing import Transaction, exchange_of
from analyzer.http.plain_exchanges import PlainExchanges, request_ends
from analyzer.options import Options
from analyzer.tcp.bytestream import CONNECTION, StreamBatch

MS = 1_000_000
POLL = b"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n"
PLAIN = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"


def connected(round_trip, **options):
    rows = np.zeros(1, CONNECTION)
    rows["syn_time"] = 0 if round_trip else NULL
    rows["synack_time"] = rows["established_time"] = round_trip or NULL
    results = Results(Options(**options))
    results.begin(StreamBatch(RecordBatch(), connections=rows))
    return results


def begun(results, plain, raw):
    head = read_head(raw)
    exchange = exchange_of(0, 0, head, 90, (0,) * 14, cut=False)
    transaction = Transaction(exchange, None)
    reader = plain.begin(transaction, exchange, head, 5)
    return transaction, exchange, reader


# docs/numbers.md: a pause is longer than 50 ms and than 1.5 round trips.
@pytest.mark.parametrize(
    ("round_trip", "pause"), [(0, PAUSE_NS), (10 * MS, PAUSE_NS), (200 * MS, 300 * MS)]
)
def test_pause_goes_by_the_round_trip(round_trip, pause):
    results = connected(round_trip)
    plain = PlainExchanges(results, 0)
    begun(results, plain, PLAIN)
    assert plain.pause == pause


def test_pauses_add_up():
    results = connected(0)
    plain = PlainExchanges(results, 0)
    transaction, exchange, _ = begun(results, plain, PLAIN)
    plain.paused(transaction, exchange, 70 * MS)
    plain.paused(transaction, exchange, 80 * MS)
    assert (exchange.pauses, exchange.paused) == (2, 150 * MS)


def test_only_what_is_sent_through_a_known_transport_is_read():
    results = connected(0)
    plain = PlainExchanges(results, 0)
    assert begun(results, plain, PLAIN)[2] is None
    assert begun(results, plain, POLL)[2] is not None


def test_a_request_without_a_reader_sends_its_body_as_one():
    results = connected(0)
    plain = PlainExchanges(results, 0)
    for raw, sent in ((POLL, [12]), (PLAIN, None)):
        _, exchange, _ = begun(results, plain, raw)
        before = exchange.sent
        request_ends(exchange, None, 12)
        assert exchange.sent == (sent or before)


def test_a_limit_is_a_finding_at_the_request():
    results = connected(0, max_http_lanes=1)
    plain = PlainExchanges(results, 0)
    for path in (b"/a", b"/b"):
        begun(results, plain, PLAIN.replace(b"/a", path))
    assert {(each.kind.id, each.packet) for each in results.findings} == {("http-group-limit", 5)}
    assert not results.groups.limited
