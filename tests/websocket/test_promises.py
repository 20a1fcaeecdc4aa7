"""What a header announces against what comes: payload that looks like frames, and frames."""

import random

import pytest
from conversation import Conversation
from oracle.conversations import START_TIME
from oracle.websocket import frame
from oracle.whole import assert_ties_out, said, tables_of

from analyzer.columns import empty
from analyzer.tcp.bytestream import CHUNK
from analyzer.websocket.foreign import Shape
from analyzer.websocket.kept_rows import Kept
from analyzer.websocket.promises import Promise, described

SERVER = Shape(masked=False, rsv_allowed=0)
CLIENT = Shape(masked=True, rsv_allowed=0)
GOOD = frame(1, b'{"answer": 42}')


def judged(left: int, *segments: bytes, shape: Shape = SERVER) -> list[bool | None]:
    """Return the verdict behind each segment: True, payload; False, frames; and the last."""
    promise = Promise(shape, left, True, 1, "")
    verdicts: list[bool | None] = []
    for place, segment in enumerate(segments):
        row = empty(CHUNK, 1)[0]
        row["packet"], row["time"], row["length"] = place + 1, START_TIME, len(segment)
        verdicts.append(promise.push(Kept(row, segment)))
    return [*verdicts, promise.concluded()]


def test_announced_length_ends_in_the_midst_of_a_frame() -> None:
    # 16 bytes of frame: the fifth is a letter, which begins no header.
    assert judged(5, GOOD)[0] is False
    assert judged(20, GOOD, GOOD)[:2] == [None, False]


def test_announced_length_ends_with_a_segment_or_a_frame() -> None:
    assert judged(len(GOOD), GOOD)[0] is True
    assert judged(2 * len(GOOD), GOOD, GOOD)[:2] == [None, True]
    # A frame within the payload ends there: both readings fit, and the peer may be healthy.
    assert judged(len(GOOD), GOOD + GOOD)[0] is True


def test_a_header_where_the_announced_length_ends() -> None:
    # Payload of 7 bytes that is a frame by its looks, up to the end of the row; and a
    # header behind it whose frame ends there as well.
    behind = frame(2, b"\x82\x02ab")
    whole = frame(2, b"\x00\x00\x00" + behind)
    assert judged(len(whole) - len(behind), whole)[0] is True


def test_bytes_that_are_no_frames_are_payload() -> None:
    assert judged(300, GOOD[:-1] + b"\xff" + b"\xff" * 40)[0] is True
    # Text that is not UTF-8.
    assert judged(300, b"\x81\x04\xff\xfe\xfd\xfc")[0] is True


def test_masks_tell_the_directions_apart() -> None:
    assert judged(300, frame(1, b"hello, world", mask=b"abcd"))[0] is True
    assert judged(300, GOOD, shape=CLIENT)[0] is True


def test_length_that_is_never_reached() -> None:
    assert judged(10**6, GOOD, GOOD) == [None, None, False]
    # One frame of binary data in a short segment may be chance.
    assert judged(10**6, frame(2, b"abc")) == [None, True]
    # Frames that end within segments are payload of something that goes on.
    assert judged(10**6, GOOD[:9], GOOD[9:] + GOOD[:3], GOOD[3:10], GOOD[10:])[-1] is True


def test_random_payload_is_payload() -> None:
    rng = random.Random(1)
    for _ in range(300):
        left = rng.randrange(2, 400)
        assert judged(left, rng.randbytes(rng.randrange(1, left + 1)))[-1] is True


def test_words() -> None:
    text = described(1, 300, 300, "client")
    assert "by the client announces a text frame of 300 bytes, and none of them came" in text
    assert "only 100 of them came" in described(2, 300, 200, "server")


@pytest.mark.parametrize("size", [1, 2**20])
@pytest.mark.parametrize("behind", [90, 300])
@pytest.mark.parametrize("announced", [20, 60])
@pytest.mark.parametrize("side", ["client", "server"])
def test_a_header_without_payload_before_a_longer_frame_in_its_segment(
    side: str, announced: int, behind: int, size: int
) -> None:
    # 20 or 60 bytes of the frame behind it would be its payload, and the rest no header.
    key = b"\x91\xa2\xe3\xf4" if side == "client" else None
    torn = frame(1, bytes(announced), mask=key)[: 6 if key else 2]
    good = [frame(1, text * (behind // 10), mask=key) for text in (b"it is here", b"and again!")]
    one = Conversation().upgrade().send(side, frame(1, b"before", mask=key))
    one.send(side, torn + good[0]).send(side, good[1]).close()
    tables = tables_of(one.pcap(), payload="full", batch_bytes=size)
    assert [payload for _, payload in said(tables)[side]] == [
        *(b"before", b"it is here" * (behind // 10), b"and again!" * (behind // 10)),
    ]
    found = tables["findings"]
    assert found[found["severity"] == "error"]["id"].tolist() == ["websocket-torn-write"]
    assert_ties_out(tables)
