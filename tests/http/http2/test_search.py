"""The search for a frame boundary."""

from hyperframe.frame import DataFrame, PingFrame, WindowUpdateFrame
from hypothesis import given
from hypothesis import strategies as st
from oracle import conversations

from analyzer.http.http2.search import FrameSearch

FRAMES = [DataFrame(3, b"x" * 50), WindowUpdateFrame(0, 9), DataFrame(5, b"y" * 5)]
FRAMES += [PingFrame(0, b"12345678")]
BYTES = b"".join(frame.serialize() for frame in FRAMES)


def row(length):
    return conversations.rows_of([(0, b"z" * length)])[0][0]


@given(st.binary(max_size=40).map(lambda junk: b"\xff" + junk.replace(b"\0", b"\1")), st.data())
def test_frames_are_found_whatever_the_rows(junk, data):
    stream = junk + BYTES
    search = FrameSearch(3, 10_000)
    at, pushed = 0, []
    while at < len(stream) and not search.found:
        size = data.draw(st.integers(1, len(stream)))
        piece = stream[at : at + size]
        search.push(row(len(piece)), piece)
        pushed.append(piece)
        at += size
    assert search.found
    seen = b"".join(pushed)
    rest = b"".join(content for _, content, _ in search.rest())
    assert seen.endswith(rest)
    assert len(seen) - len(rest) == len(junk)
    assert sum(end - begin for _, begin, end in search.given_up()) == len(junk)


def test_frames_that_lead_to_a_filled_row_count():
    search, junk = FrameSearch(3, 10_000), b"\xff" * 29
    first = FRAMES[0].serialize()
    search.push(row(29 + len(first)), junk + first)
    assert not search.found
    second = FRAMES[1].serialize()
    search.push(row(len(second)), second)
    assert search.found
    assert b"".join(content for _, content, _ in search.rest()) == first + second


def test_a_part_of_a_row_is_searched():
    search = FrameSearch(3, 10_000)
    search.push(row(len(BYTES) + 4), BYTES, 4)
    assert [begin for _, _, begin in search.rest()] == [4]


def test_random_bytes_are_no_frames_and_are_let_go():
    search = FrameSearch(3, 100)
    for _ in range(50):
        search.push(row(30), bytes(range(30)))
    assert not search.found
    assert search.size <= 130
    given_up = sum(end - begin for _, begin, end in search.given_up())
    assert given_up == 50 * 30 - search.size
    assert search.given_up() == []


def test_one_frame_that_fills_a_segment_is_enough():
    search = FrameSearch(3, 1000)
    search.push(row(6), b"\0\0\7abc")
    assert not search.found
    search.push(row(59), FRAMES[0].serialize())
    assert search.found
    assert b"".join(content for _, content, _ in search.rest()) == FRAMES[0].serialize()


def test_zeros_are_no_frames():
    search = FrameSearch(2, 1000)
    search.push(row(500), bytes(500))
    assert not search.found
