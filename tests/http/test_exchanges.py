"""The batch type between http and websocket."""

from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL
from analyzer.http.exchanges import Exchange, Handshake, HttpBatch
from analyzer.tcp.bytestream import CHUNK, StreamBatch


def test_nothing_seen_is_null_never_zero():
    handshake, exchange = Handshake(0, 1), Exchange(0, 0, 1)
    for seen in (handshake, exchange):
        assert seen.request_first_time == seen.response_last_time == NULL
        assert seen.host is None
        assert seen.status is None
    assert handshake.outcome == "no-answer"


def test_batches_share_nothing():
    stream = StreamBatch(RecordBatch())
    one, other = HttpBatch(stream), HttpBatch(stream)
    one.findings.append(None)
    assert not other.findings
    assert one.rows.dtype == CHUNK
