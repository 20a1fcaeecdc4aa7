"""Errors are nobody's where bytes that came twice differ, and somebody's everywhere else."""

from __future__ import annotations

import pytest
from conversation import ACK, PSH, Conversation, frame, masked
from oracle.whole import Tables, tables_of

TEXTS = [f"message {number} ".encode() * (number + 2) for number in range(6)]
BAD = frame(1, b"not allowed", rsv=2)


def moved(by: int, place: int = 3) -> Conversation:
    """A server's texts, of which the segment of one bears a sequence number that is wrong."""
    one = Conversation().upgrade()
    for number, text in enumerate(TEXTS):
        data = frame(1, masked(text, bytes([1, 2, 3, number])))
        start = one.next["server"]
        if number == place:
            one.segment("server", data, ACK | PSH, seq=start + by)
            one.next["server"] += len(data)
            one.segment("client")
        else:
            one.server(data)
    return one.client(frame(1, b"bye", key=b"abcd"))


def blamed(tables: Tables) -> set[str]:
    found = tables["findings"]
    return set(found[(found["severity"] == "error") & found["direction"].notna()]["id"])


@pytest.mark.parametrize("by", [*range(-64, 0, 7), -1, 1, *range(2, 64, 9)])
def test_nobody_is_blamed_for_a_segment_out_of_place(by):

    one = moved(by)
    whole = blamed(tables_of(moved(0).pcap()))
    tables = tables_of(one.pcap())
    assert "tcp-overlap-differs" in set(tables["findings"]["id"])
    assert blamed(tables) <= whole
    for size in (1, 7 * 64):
        again = tables_of(one.pcap(), batch_bytes=size)
        for name in ("findings", "frames", "messages"):
            assert again[name].equals(tables[name])


def test_an_error_behind_a_repeat_that_says_something_else_has_its_culprit():
    # All of the segment was there before: the stream goes on as it was.
    one = Conversation().upgrade().server(frame(1, b"hello"))
    one.segment("server", frame(1, b"HELLO"), ACK | PSH, seq=one.next["server"] - 7)
    tables = tables_of(one.server(BAD).pcap())
    assert "tcp-overlap-differs" in set(tables["findings"]["id"])
    assert blamed(tables) == {"websocket-rsv"}


def test_an_error_behind_frames_found_again_has_its_culprit():
    # The bytes after the difference are none of a frame; frames follow, and then a bad one.
    one = Conversation().upgrade().server(frame(1, b"hello"))
    at = one.next["server"] - 4
    one.segment("server", b"????" + bytes([0xF3, 0xFB]) * 9, ACK | PSH, seq=at)
    one.next["server"] += 18
    for _ in range(3):
        one.server(frame(1, b"and more of it"))
    tables = tables_of(one.server(BAD).pcap())
    assert {"tcp-overlap-differs", "websocket-resynchronised"} <= set(tables["findings"]["id"])
    assert blamed(tables) == {"websocket-rsv"}
    assert list(tables["messages"]["payload_bytes"]) == [5, 14, 14, 14, 11]


def differing() -> Conversation:
    """A server of which a segment came twice, with other bytes the second time, and two more."""
    one = Conversation().upgrade().server(frame(1, b"hello"))
    data = frame(1, b"HELLO") + frame(2, b"\3\4")
    one.segment("server", data, ACK | PSH, seq=one.next["server"] - 7)
    one.next["server"] += 4
    return one


@pytest.mark.parametrize("between", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("size", [1, 7 * 64, 2**20])
def test_frames_without_an_error_end_the_doubt(between, size):
    # Three that follow each other are what a search for frames needs as well (resync_frames).
    # The frame in the segment that differs is none of them.
    one = differing()
    for _ in range(between):
        one.server(frame(1, b"and more of it"))
    tables = tables_of(one.server(BAD).server(BAD).pcap(), batch_bytes=size)
    found = tables["findings"].set_index("id")["count"]
    assert found["tcp-overlap-differs"] == 1
    assert blamed(tables) == ({"websocket-rsv"} if between >= 3 else set())
    assert ("websocket-framing-lost" in found) == (between < 3)


def test_an_error_that_follows_each_frame_stays_nobodys():
    one = differing()
    for _ in range(6):
        one.server(frame(1, b"and more")).server(BAD)
    tables = tables_of(one.pcap())
    assert blamed(tables) == set()
