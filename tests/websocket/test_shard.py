"""The walk of a shard: what is noted of frames and messages."""

from __future__ import annotations

import numpy as np
import pytest
from oracle.stages import TEXT, batches_of, client, handshake, server

from analyzer.http.stage import HttpStage
from analyzer.options import Options
from analyzer.websocket.shard import ShardWebSocketStage
from analyzer.websocket.stage import WebSocketStage


def led(talks, places=(), made=ShardWebSocketStage, **known):
    """Yield the stage and each batch of it."""
    options = Options()
    http, stage = HttpStage(options), made(options)
    for batch in batches_of(talks, places, **known):
        below = http.push(batch)
        if made is ShardWebSocketStage:
            stage.reach(int(batch.rows["packet"].max(initial=0)))
        yield stage, batch, stage.push(below)


TALK = [*handshake(), *[client(TEXT, b"a" * n) for n in range(1, 9)], server(TEXT, b"b")]


@pytest.mark.parametrize("places", [(), range(0, 60, 3)])
def test_frames_have_the_keys_of_their_packets(places):
    frames, keys = [], []
    for stage, _, out in led([TALK, TALK], places):
        noted = stage.take_noted()
        assert len(noted.frames) == len(out.frames)
        assert len(noted.messages) == len(out.messages)
        assert len(noted.opened) == len(out.opened)
        frames += out.frames["packet_last"].tolist()
        keys += noted.frames[:, 0].tolist()
    assert keys == [2 * packet for packet in frames]
    assert len(frames) == 18


@pytest.mark.parametrize("places", [(), range(0, 60, 3)])
def test_the_same_rows_as_one_process(places):
    one = [out for _, _, out in led([TALK, TALK], places, WebSocketStage)]
    other = [out for _, _, out in led([TALK, TALK], places)]
    for whole, shard in zip(one, other, strict=True):
        assert whole.frames.tolist() == shard.frames.tolist()
        assert whole.messages.tolist() == shard.messages.tolist()


def test_what_is_recognised_late_counts_from_then():
    """A connection without its handshake is read again when it is clear what it is."""
    middle = [client(TEXT, b"hello"), server(TEXT, b"world")] * 6
    opened = None
    for stage, _, out in led([middle], range(100), sides_known=False):
        noted = stage.take_noted()
        if len(noted.opened):
            opened = int(noted.opened[0, 0]) // 2
            assert out.frames["packet_last"].min() < opened
            assert len(out.frames) > 1
            assert (noted.frames[:, 0] == 2 * opened).all()
    assert opened is not None


def test_messages_that_wait_for_an_ack_when_their_connection_ends():
    *_, (stage, batch, out) = led([[*TALK[:4]]])
    noted = stage.take_noted()
    late = noted.messages[noted.messages[:, 0] % 2 == 1]
    assert len(noted.messages) == len(out.messages) == 2
    last = int(batch.rows["packet"].max())
    assert set(map(tuple, late.tolist())) <= {(2 * last + 1, 0)}


def test_the_place_of_a_message_says_when_it_was_complete():
    packets = []
    for stage, _, out in led([TALK]):
        packets += stage.arrived(out.places.astype(np.int64)).tolist()
        assert [stage.arrival(int(place)) for place in out.places] == packets
        assert packets == out.messages["packet_last"].tolist()
    assert len(packets) == 9
