"""The ledger's sums, by hand and for any counts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL, empty
from analyzer.http.exchanges import HttpBatch
from analyzer.tables.ledger import ledger_rows
from analyzer.tables.schema import LEDGER_PARTS
from analyzer.tcp.bytestream import CONNECTION, DIRECTION, StreamBatch
from analyzer.tls.session import Session, Side
from analyzer.websocket.connection import DirectionTotals, WebSocketConnection
from analyzer.websocket.negotiation import Negotiation

SUMMANDS = ("link_bytes", "ip_bytes", "tcp_bytes", "duplicate_bytes", "retransmitted_bytes")


def batch(count, ended):
    stream = StreamBatch(RecordBatch(), connections=empty(CONNECTION, count))
    stream.connections["tcp_stream"] = 10 + np.arange(count)
    stream.directions = empty(DIRECTION, 2 * count)
    return HttpBatch(stream, ended=ended, http_bytes=np.zeros(2 * count, np.int64))


def test_client_comes_first_and_only_websocket_has_a_connection():
    one = batch(3, [2, 0])
    one.stream.directions["wire_bytes"] = [1, 2, 3, 4, 5, 6]
    one.stream.directions["stream_bytes"] = [1, 2, 3, 4, 5, 6]
    connection = WebSocketConnection(7, 2, 1, None, Negotiation())
    connection.totals = DirectionTotals(transfer_bytes=5), DirectionTotals(ws_header_bytes=3)
    rows = ledger_rows(one, {2: 1}, {2: connection}, {})
    columns = {name: list(values) for name, values in rows.values.items()}
    assert columns["tcp_stream"] == [12, 12, 10, 10]
    assert columns["direction"] == [0, 1, 0, 1]
    assert columns["connection"] == [7, 7, NULL, NULL]
    assert columns["wire_bytes"] == [6, 5, 1, 2]
    assert columns["transfer_bytes"] == [5, 0, 0, 0]
    assert columns["ws_header_bytes"] == [0, 3, 0, 0]
    assert columns["unparsed_bytes"] == [1, 2, 1, 2]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.integers(0, 2**40), min_size=9, max_size=9), min_size=2, max_size=2))
def test_parts_make_the_whole(counts):
    one = batch(1, [0])
    connection = WebSocketConnection(0, 0, 0, None, Negotiation())
    totals = []
    for side, (*below, http, header, control, transfer) in enumerate(counts):
        row = one.stream.directions[side]
        for name, value in zip(SUMMANDS, below, strict=True):
            row[name] = value
        row["stream_bytes"] = http + header + control + transfer + 3
        row["wire_bytes"] = sum(below) + row["stream_bytes"]
        one.http_bytes[side] = http
        counted = {"ws_header_bytes": header, "ws_control_bytes": control}
        totals.append(DirectionTotals(transfer_bytes=transfer, **counted))
    connection.totals = tuple(totals)
    rows = ledger_rows(one, {}, {0: connection}, {}).values
    total = sum(np.asarray(rows[name]) for name in LEDGER_PARTS)
    assert list(total) == list(rows["wire_bytes"])
    assert list(rows["unparsed_bytes"]) == [3, 3]


def test_tls_takes_no_more_than_what_others_leave():
    """Bytes that a higher stage understood are counted there, whatever tls thought."""
    one = batch(1, [0])
    one.stream.directions["wire_bytes"] = one.stream.directions["stream_bytes"] = [50, 70]
    one.http_bytes[:] = [0, 60]
    session = Session(0, 1)
    session.sides = Side(tls_bytes=30), Side(tls_bytes=20)  # client (side 1), server
    rows = ledger_rows(one, {0: 1}, {}, {0: session}).values
    assert list(rows["tls_bytes"]) == [10, 20]
    assert list(rows["unparsed_bytes"]) == [0, 30]


def test_tls_bytes_stay_with_their_side_if_another_is_taken_for_the_client():
    one = batch(1, [0])
    one.stream.directions["wire_bytes"] = one.stream.directions["stream_bytes"] = [50, 70]
    session = Session(0, 1)
    session.sides = Side(tls_bytes=30), Side(tls_bytes=20)
    assert list(ledger_rows(one, {0: 0}, {}, {0: session}).values["tls_bytes"]) == [20, 30]
