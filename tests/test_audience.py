"""Who listens to payload, through the whole pipeline: nobody listens longer than somebody wants."""

import pytest
from oracle.chats import captured, chat, one
from oracle.whole import tables_of

from analyzer.audience import Audience
from analyzer.options import Options
from analyzer.websocket.stage import WebSocketStage

NOISE = [(100 * n, "server", bytes([n]) * 400) for n in range(1, 60)]


def test_nobody_listens():
    stage = WebSocketStage(Options(inside=False, alternatives=False))
    Audience(stage, None, None)
    assert stage.hearing.listener is None


@pytest.mark.parametrize("batch", [300, 1 << 20])
def test_a_protocol_that_is_not_known_is_heard_as_far_as_gzip_wants(batch):
    """The reader of protocols gives up before; what gzip saves is known all the same."""
    data = captured(chat(said=NOISE, end=9_999))
    row = one(data, "sse", batch_bytes=batch)
    # Each message is one byte 400 times: a stream carries it in a few bytes.
    assert row["gzip_application_bytes"] < row["application_bytes"] - 59 * 380
    assert row["gzip_error_bytes"] == 0
    plain = one(data, "sse", batch_bytes=batch, inside=False)
    assert plain["gzip_application_bytes"] == row["gzip_application_bytes"]


def test_alternatives_alone_change_no_other_table():
    data = captured(chat(said=NOISE, end=9_999))
    with_model, without = (
        tables_of(data, batch_bytes=300, inside=False, alternatives=each) for each in (True, False)
    )
    for name in ("messages", "frames", "connections", "findings"):
        assert with_model[name].equals(without[name]), name
