"""Records of TLS: where they end, and what a gap in one of them does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.options import DEFAULT
from analyzer.share.anonymize.records import Records
from analyzer.share.anonymize.session import Session
from analyzer.share.anonymize.words import Words
from analyzer.tls.keylog import KeyRing

WORDS = Words(bytes(range(32)))
HELLO = b"\x01\0\0\x26\3\3" + bytes(range(36))
CLIENT = b"\x16\x03\x01" + len(HELLO).to_bytes(2, "big") + HELLO


def data(content: bytes) -> bytes:
    return b"\x17\x03\x03" + len(content).to_bytes(2, "big") + content


class Kept:
    """Rewrites nothing."""

    def feed(self, data: bytes) -> bytes:
        return data

    def gap(self, length: int) -> bytes:
        return bytes(length)

    def finish(self) -> bytes:
        return b""


def records() -> Records:
    return Records(WORDS, Session(WORDS, KeyRing(), DEFAULT, Kept, {}))


def test_headers_stay_and_content_does_not() -> None:
    sent = CLIENT + data(b"secret" * 10) + data(b"")
    walker = records()
    made = b"".join(walker.feed(sent[at : at + 7]) for at in range(0, len(sent), 7))
    made += walker.finish()
    assert len(made) == len(sent)
    at = len(CLIENT)
    assert made[:43] == sent[:43]  # up to the random
    assert made[at : at + 5] == sent[at : at + 5]
    assert made[at + 65 :] == sent[at + 65 :]
    assert b"secret" not in made


def test_a_gap_within_a_record_costs_that_record() -> None:
    walker = records()
    one, other = data(b"a" * 100), data(b"b" * 20)
    made = walker.feed(CLIENT + one[:40]) + walker.gap(30) + walker.feed(one[70:] + other)
    made += walker.finish()
    assert len(made) == len(CLIENT + one + other)
    assert walker.overwritten == 0
    assert made[-25:-20] == other[:5]
    assert made[len(CLIENT) : len(CLIENT) + 5] == one[:5]
    assert made[len(CLIENT) + 40 :][:30] == bytes(30)


def test_a_gap_beyond_a_record_loses_the_framing() -> None:
    walker = records()
    made = walker.feed(CLIENT + data(b"a" * 100)[:40]) + walker.gap(300)
    made += walker.feed(data(b"b" * 9)) + walker.finish()
    assert len(made) == len(CLIENT) + 40 + 300 + 14
    assert data(b"b" * 9) not in made
    assert walker.overwritten > 0


def test_the_beginning_of_a_record_stays_one() -> None:
    walker = records()
    made = walker.feed(CLIENT + data(b"secret" * 9)[:30]) + walker.finish()
    assert made[len(CLIENT) :][:5] == data(b"secret" * 9)[:5]
    assert b"secret" not in made


PIECES = st.sampled_from([CLIENT, data(b"x"), b"\x15\3\3\0\2\2\x28", b"?"])


@given(st.lists(PIECES | st.integers(1, 9)))
def test_as_many_bytes_come_out_as_went_in(pieces: list[bytes | int]) -> None:
    walker = records()
    made, sent = b"", 0
    for piece in pieces:
        made += walker.gap(piece) if isinstance(piece, int) else walker.feed(piece)
        sent += piece if isinstance(piece, int) else len(piece)
    assert len(made + walker.finish()) == sent
