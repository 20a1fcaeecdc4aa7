"""The frame walk against a plain decoder, and its accounting against arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import websocket as oracle
from oracle.chunks import HEADER, Stream
from oracle.kernels import fewer
from oracle.walks import CLIENT, SERVER, NoSeeker, opened, run

from analyzer import findings
from analyzer.columns import NULL
from analyzer.findings import KINDS
from analyzer.websocket import frames as layout


def cut(rng, data):
    """Cut bytes into segments at random places."""
    pieces = []
    while data:
        length = rng.choice([1, 2, 3, 7, 20, 100, 1448])
        pieces.append(data[:length])
        data = data[length:]
    return pieces


@st.composite
def conversations(draw):
    """One direction's frames: messages, whole or fragmented, with control frames between."""
    masked = draw(st.booleans())
    parts = []
    for _ in range(draw(st.integers(1, 8))):
        opcode = draw(st.sampled_from([1, 2]))
        count = draw(st.integers(1, 4))
        for number in range(count):
            size = draw(st.sampled_from([0, 1, 5, 125, 126, 127, 300, 65535, 65536]))
            payload = draw(st.binary(min_size=min(size, 64), max_size=min(size, 64)))
            payload = (payload * (size // max(1, len(payload)) + 1))[:size] if payload else b""
            if opcode == 1:
                payload = payload.hex().encode()[:size]
            key = draw(st.binary(min_size=4, max_size=4)) if masked else None
            is_last = number == count - 1
            parts.append(oracle.frame(0 if number else opcode, payload, fin=is_last, mask=key))
            if draw(st.booleans()):
                ping = draw(st.binary(max_size=125))
                parts.append(oracle.frame(draw(st.sampled_from([9, 10])), ping, mask=key))
    return CLIENT if masked else SERVER, b"".join(parts)


@settings(deadline=None, max_examples=fewer(60, 12))
@given(conversations(), st.randoms(use_true_random=False), st.sampled_from([1, 7, None]))
def test_equals_the_plain_decoder(conversation, rng, size):
    side, data = conversation
    expected = oracle.decode(data)
    whole = oracle.messages(expected)
    stream = Stream()
    for piece in cut(rng, data):
        stream.data(side, piece)
    result = run(opened(keep=layout.KEEP_ALL), stream, size)
    assert not result.oddities
    assert len(result.frames) == len(expected)
    for row, want in zip(result.frames, expected, strict=True):
        assert row["opcode"] == want.opcode
        assert bool(row["bits"] & 8) == want.fin
        assert row["payload_bytes"] == want.length
        assert row["header_bytes"] == want.header_bytes
        key = NULL if want.mask is None else int.from_bytes(want.mask, "big")
        assert row["masking_key"] == key
        assert row["message"] == (NULL if want.message is None else want.message)
    assert list(result.controls) == [f.payload for f in expected if f.opcode >= 8]
    assert len(result.messages) == len(whole)
    kept = {}
    done = []
    for row, piece in result.fragments:
        kept[int(row["message"])] = kept.get(int(row["message"]), b"") + piece
        if row["last"]:
            done.append(kept.pop(int(row["message"])))
    assert done == [m.payload for m in whole]
    for row, preview, want in zip(result.messages, result.previews, whole, strict=True):
        assert row["transfer_bytes"] == len(want.payload)
        assert row["frames"] == len(want.frames)
        assert preview == want.payload[:16]
        assert row["ws_header_bytes"] == sum(f.header_bytes for f in want.frames)


@settings(deadline=None, max_examples=fewer(60, 12))
@given(conversations(), st.randoms(use_true_random=False))
def test_shares_of_headers_add_up(conversation, rng):
    """What messages do not bear of the packets' headers belongs to control frames."""
    side, data = conversation
    stream = Stream()
    pieces = cut(rng, data)
    for piece in pieces:
        stream.data(side, piece)
        stream.ack(side ^ 1)
    result = run(opened(), stream)
    walks_total = len(pieces) * HEADER
    borne = sum(int(row["packet_header_bytes"]) for row in result.messages)
    acks = sum(int(row["ack_bytes"]) for row in result.messages)
    has_control = any(frame.opcode >= 8 for frame in oracle.decode(data))
    if has_control:
        assert borne <= walks_total
        assert acks <= walks_total
    else:
        assert borne == walks_total
        assert acks == walks_total


def test_a_gap_within_a_payload_keeps_the_walk_in_step():
    stream = Stream()
    whole = oracle.frame(1, b"x" * 1000)
    stream.data(SERVER, whole[:500])
    stream.lost(SERVER, 300)
    stream.data(SERVER, whole[800:] + oracle.frame(1, b"next"))
    result = run(opened(), stream)
    assert [int(m["damaged"]) for m in result.messages] == [1, 0]
    assert result.kinds() == ["websocket-payload-lost"]
    assert result.oddities[0]["detail"] == 300
    assert result.previews[1] == b"next"


def test_masking_goes_on_behind_a_gap_at_the_right_byte():
    payload = bytes(range(256)) * 4
    whole = oracle.frame(2, payload, mask=b"\x11\x22\x33\x44")
    stream = Stream()
    stream.data(CLIENT, whole[:108])
    stream.lost(CLIENT, 301)
    stream.data(CLIENT, whole[409:])
    result = run(opened(keep=layout.KEEP_ALL), stream)
    pieces = [piece for row, piece in result.fragments if row["start"] >= 0 and row["length"]]
    assert pieces == [payload[:100], payload[401:]]


def test_a_gap_over_a_header_loses_the_framing():
    stream = Stream()
    stream.data(SERVER, oracle.frame(1, b"one"))
    stream.lost(SERVER, 300)
    stream.data(SERVER, b"\x81\x03two")
    walk = opened()
    result = run(walk, stream)
    assert result.kinds() == ["websocket-framing-lost"]
    assert len(result.frames) == 1
    assert walk.rows("walks")[SERVER]["mode"] == layout.SEEK
    assert walk.rows("walks")[SERVER]["unparsed_bytes"] == 5


def test_payload_cut_by_the_snap_length_is_unparsed():
    stream = Stream()
    stream.cut(SERVER, oracle.frame(1, b"x" * 200)[:50], 154)
    stream.data(SERVER, oracle.frame(1, b"next"))
    walk = opened()
    result = run(walk, stream)
    assert [int(f["payload_bytes"]) for f in result.frames] == [200, 4]
    row = walk.rows("walks")[SERVER]
    assert (row["ws_header_bytes"], row["transfer_bytes"], row["unparsed_bytes"]) == (6, 50, 154)


FAULTS = [
    ("websocket-unmasked-client-frame", CLIENT, oracle.frame(1, b"x"), {}),
    ("websocket-masked-server-frame", SERVER, oracle.frame(1, b"x", mask=b"abcd"), {}),
    ("websocket-rsv", SERVER, oracle.frame(1, b"x", rsv=2), {}),
    ("websocket-rsv", SERVER, oracle.frame(1, b"x", rsv=1), {}),
    ("websocket-rsv1", SERVER, oracle.frame(1, b"x", rsv=4), {}),
    ("websocket-rsv1", SERVER, oracle.frame(9, b"x", rsv=4), {"deflate": 1, "rsv_allowed": 4}),
    ("websocket-reserved-opcode", SERVER, oracle.frame(3, b"x"), {}),
    ("websocket-reserved-opcode", SERVER, oracle.frame(11, b"x"), {}),
    ("websocket-control-too-long", SERVER, oracle.frame(9, b"x" * 126), {}),
    ("websocket-control-fragmented", SERVER, oracle.frame(9, b"x", fin=False), {}),
    ("websocket-lone-continuation", SERVER, oracle.frame(0, b"x"), {}),
    ("websocket-length-not-minimal", SERVER, oracle.frame(1, b"x", length_form=16), {}),
    ("websocket-length-not-minimal", SERVER, oracle.frame(1, b"x" * 200, length_form=64), {}),
    ("websocket-bad-utf8", SERVER, oracle.frame(1, b"\xff"), {}),
    ("websocket-bad-utf8", SERVER, oracle.frame(1, b"\xe2\x82"), {}),
    ("websocket-bad-utf8", SERVER, oracle.frame(1, b"\xed\xa0\x80"), {}),
]


@pytest.mark.parametrize(("kind", "side", "data", "fields"), FAULTS)
def test_rules(kind, side, data, fields):
    """Each fault is found once, at its packet, and the next frame is read all the same."""
    stream = Stream()
    stream.data(side, data)
    mask = b"wxyz" if side == CLIENT else None
    stream.data(side, oracle.frame(9, b"ping", mask=mask))
    result = run(opened(**fields), stream)
    assert result.kinds() == [kind]
    assert result.oddities[0]["packet"] == 1
    assert result.controls[-1] == b"ping"


def test_a_message_within_a_message():
    stream = Stream()
    stream.data(SERVER, oracle.frame(1, b"one", fin=False))
    stream.data(SERVER, oracle.frame(2, b"two"))
    result = run(opened(), stream)
    assert result.kinds() == ["websocket-interrupted-message"]
    assert result.previews == [b"two"]


def test_data_after_close():
    stream = Stream()
    stream.data(SERVER, oracle.frame(8, oracle.close_body(1000, "bye")))
    stream.data(SERVER, oracle.frame(1, b"more"))
    result = run(opened(), stream)
    assert result.kinds() == ["websocket-data-after-close"]
    assert result.frames[0]["close_code"] == 1000
    assert result.frames[1]["close_code"] == -1


def test_the_top_bit_of_a_length_ends_the_framing():
    stream = Stream()
    stream.data(SERVER, b"\x82\x7f" + b"\xff" * 8 + b"rest")
    result = run(opened(), stream)
    assert result.kinds() == ["websocket-length-too-big", "websocket-framing-lost"]
    assert result.frames == []


def test_a_header_full_of_faults_is_shown_to_the_seeker():
    class Doubts(NoSeeker):
        def is_frame(self, walk, row, at, had, records):
            asked.append((at, had))
            return False

    asked = []
    stream = Stream()
    stream.data(SERVER, b"\x7f\xff\x00\x00\x00")
    stream.data(SERVER, b"\x00\x00\x00\x00\x01keykrest")
    walk = opened(seeker=Doubts())
    result = run(walk, stream)
    ((_at, had),) = asked
    assert had == 5
    assert not result.frames
    assert walk.rows("walks")[SERVER]["mode"] == layout.SEEK


def test_a_length_with_its_top_bit_set_makes_no_frame():
    stream = Stream()
    stream.data(CLIENT, b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x05keykabcde")
    result = run(opened(), stream)
    assert result.kinds() == ["websocket-length-too-big", "websocket-framing-lost"]
    assert [row["frame"] for row in result.oddities] == [-1, -1]
    assert not result.frames


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), st.binary(min_size=1, max_size=200)), max_size=30))
def test_any_bytes_are_walked_without_harm_and_counted(pieces):
    stream = Stream()
    for direction, data in pieces:
        stream.data(direction, data)
    walk = opened(slots=2)
    run(walk, stream, slots=2)
    for direction in range(4):
        row = walk.rows("walks")[direction]
        seen = sum(len(data) for where, data in pieces if where == direction)
        header_part = row["have"] if row["mode"] == layout.HEADER else 0
        counted = (
            row["ws_header_bytes"]
            + row["ws_control_bytes"]
            + row["transfer_bytes"]
            + row["unparsed_bytes"]
            + header_part
        )
        assert counted == seen


def test_predictable_masking_keys_are_counted():
    stream = Stream()
    for number in range(6):
        stream.data(CLIENT, oracle.frame(1, b"x", mask=(5 * number).to_bytes(4, "big")))
    stream.data(CLIENT, oracle.frame(1, b"x", mask=(25).to_bytes(4, "big")))
    walk = opened()
    run(walk, stream)
    row = walk.rows("walks")[CLIENT]
    assert row["stepped_keys"] == 4
    assert row["repeated_keys"] == 1


def test_frames_are_numbered_over_both_directions():
    stream = Stream()
    stream.data(CLIENT, oracle.frame(1, b"a", mask=b"abcd"))
    stream.data(SERVER, oracle.frame(1, b"b"))
    stream.data(CLIENT, oracle.frame(9, b"", mask=b"abce"))
    result = run(opened(), stream)
    assert [int(f["frame"]) for f in result.frames] == [0, 1, 2]
    assert [int(m["message"]) for m in result.messages] == [0, 1]


def test_held_bytes_stall_their_message():
    """A segment that came early waits for the one before it; so does what it carries."""
    whole = oracle.frame(2, b"x" * 298)
    stream = Stream()
    stream.data(SERVER, whole[:100])
    stream.data(SERVER, whole[100:200], packet=3, time=3_000_000, ready=3_000_000)
    stream.data(SERVER, whole[200:], packet=2, time=2_000_000, ready=3_000_000)
    (message,) = run(opened(), stream).messages
    assert message["stall"] == 1_000_000
    assert message["time_last"] - message["time_first"] == 2_000_000
    assert (message["packet_first"], message["packet_last"]) == (1, 3)


def test_a_packet_without_a_time_stalls_nothing():
    whole = oracle.frame(2, b"x" * 298)
    stream = Stream()
    stream.data(SERVER, whole[:100])
    stream.data(SERVER, whole[100:200], packet=3, time=3_000_000, ready=3_000_000)
    stream.data(SERVER, whole[200:], packet=2, time=-(2**63), ready=3_000_000)
    (message,) = run(opened(), stream).messages
    assert message["stall"] == 0


def test_many_frames_in_one_segment():
    """PEERS: 32,747 frames in one segment crashed Wireshark (issue 10989)."""
    count = fewer(32_747, 3_000)
    stream = Stream()
    stream.data(SERVER, oracle.frame(1, b"") * count)
    result = run(opened(), stream)
    assert len(result.messages) == count
    assert sum(int(m["packet_header_bytes"]) for m in result.messages) == HEADER


def test_slots_are_reserved_and_reset():
    walk = opened(slots=3)
    walk.reserve(100)
    rows = walk.rows("walks")
    assert rows[4]["mode"] == layout.HEADER
    assert rows[199]["mode"] == layout.PROBE
    assert rows[199]["message"] == -1
    walk.reset(2)
    assert walk.rows("walks")[4]["mode"] == layout.PROBE
    assert walk.rows("walks")[4]["acked"] == NULL


def test_the_codes_of_findings_are_those_of_the_registry():
    assert KINDS[findings.WEBSOCKET_RSV1.code] is findings.WEBSOCKET_RSV1
    assert len({kind.id for kind in KINDS}) == len(KINDS)
    assert np.dtype(np.int64).itemsize == 8


def test_a_gap_in_a_ping_between_fragments_leaves_the_message_whole():
    stream = Stream()
    stream.data(SERVER, oracle.frame(1, b"one ", fin=False))
    ping = oracle.frame(9, b"x" * 100)
    stream.data(SERVER, ping[:20])
    stream.lost(SERVER, 50)
    stream.data(SERVER, ping[70:] + oracle.frame(0, b"two"))
    result = run(opened(keep=layout.KEEP_ALL), stream)
    assert result.kinds() == ["websocket-payload-lost"]
    assert [int(m["damaged"]) for m in result.messages] == [0]
    assert b"".join(piece for _, piece in result.fragments) == b"one two"


def test_the_verdict_on_a_loss_is_not_when_the_message_was_complete():
    """Bytes that the capture lost held nothing up: the last captured piece is the last."""
    whole = oracle.frame(2, b"x" * 298)
    stream = Stream()
    stream.data(SERVER, whole[:100])
    stream.lost(SERVER, 100)
    stream.rows[-1][0]["packet"] = 20
    stream.rows[-1][0]["time"] = stream.rows[-1][0]["ready"] = 20_000_000
    stream.data(SERVER, whole[200:], packet=3, time=3_000_000, ready=3_000_000)
    (message,) = run(opened(), stream).messages
    assert (message["packet_first"], message["packet_last"]) == (1, 3)
    assert message["time_last"] - message["time_first"] == 2_000_000
    assert message["stall"] == 0
