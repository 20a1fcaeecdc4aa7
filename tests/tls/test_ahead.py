"""Records opened together are as records opened one by one, in all that comes of them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import captures
from oracle.gcm import Cut
from oracle.mutations import packets_of
from oracle.whole import differing, tables_of

from analyzer.tls import ahead
from analyzer.tls.ahead import FIRST_TURN, Ahead
from analyzer.tls.gcm import LEAST_RECORDS, MOST_BYTES
from analyzer.tls.key_schedule import DirectionKeys, traffic_keys
from analyzer.tls.protection import NUMBERED, Protection, Tls13, aead, protection
from analyzer.tls.records import APPLICATION_DATA, OPENED_RECORD, SHUT_RECORD
from analyzer.tls.suites import suite_keys

CAPTURES = Path(__file__).parents[2] / "captures"
SECRET = bytes(range(48))
SUITES = [0x1301, 0x1302, 0x1303, 0x1304, 0xC02F, 0xC030, 0xCCA8]


class Sealing:
    """One direction: what seals its records, and what opens them."""

    def __init__(self, number: int) -> None:
        self.suite = suite_keys(number)
        self.is_tls13 = number >> 8 == 0x13
        if self.is_tls13:
            self.secret = SECRET[: 48 if self.suite.hash == "sha384" else 32]
            self.key, self.iv = traffic_keys(self.secret, self.suite)
        else:
            self.key = bytes(range(self.suite.key_bytes))
            self.iv = bytes(range(70, 70 + self.suite.iv_bytes))
        self.sealed = 0

    def opening(self) -> Protection:
        if self.is_tls13:
            return Tls13(self.secret, self.suite)
        return protection(DirectionKeys(b"", self.key, self.iv), self.suite, 0x0303)

    def seal(self, content: bytes, kind: int = APPLICATION_DATA) -> bytes:
        number, self.sealed = self.sealed, self.sealed + 1
        mixed = int.from_bytes(self.iv, "big") ^ number
        cipher = aead(self.key, self.suite)
        if self.is_tls13:
            inner = content + bytes([kind])
            head = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
            return cipher.encrypt(mixed.to_bytes(12, "big"), inner, head)
        head = NUMBERED(number, APPLICATION_DATA, 0x0303, len(content))
        if len(self.iv) == 12:  # ChaCha20
            return cipher.encrypt(mixed.to_bytes(12, "big"), content, head)
        brought = random.Random(number).randbytes(8)
        return brought + cipher.encrypt(self.iv + brought, content, head)


def open_one(found, data, place: int, opening: Protection) -> None:
    start, length = int(found["start"][place]), int(found["length"][place])
    body = data[start : start + length].tobytes()
    opened = opening.open(int(found["type"][place]), int(found["version"][place]), body)
    if opened is None or opened[0] != APPLICATION_DATA:
        found["fate"][place] = SHUT_RECORD
        return
    _, skip, content = opened
    found["fate"][place], found["content"][place] = OPENED_RECORD, len(content)
    found["skip"][place] = skip
    data[start + skip : start + skip + len(content)] = np.frombuffer(content, np.uint8)


def together(cut: Cut, openings: dict[int, Protection]):
    """Return records, their buffer, and those that were opened one by one."""
    found, data = cut.arrays()
    others: list[int] = []
    for turn in Ahead().turns(found, data, openings.get):
        others += turn.tolist()
        for place in turn.tolist():
            open_one(found, data, place, openings[cut.directions[place]])
    return found, data, others


def one_by_one(cut: Cut, openings: dict[int, Protection]):
    found, data = cut.arrays()
    for place, direction in enumerate(cut.directions):
        open_one(found, data, place, openings[direction])
    return found, data


def assert_same(cut: Cut, sealing: dict[int, Sealing]) -> list[int]:
    """Assert that both ways are the same; return what was opened one by one in both."""
    first = {direction: each.opening() for direction, each in sealing.items()}
    second = {direction: each.opening() for direction, each in sealing.items()}
    found, data, others = together(cut, first)
    expected, expected_data = one_by_one(cut, second)
    assert (found == expected).all()
    assert (data == expected_data).all()
    assert [each.sequence for each in first.values()] == [each.sequence for each in second.values()]
    assert others == sorted(others)
    return others


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_records(data):
    sealing = {d: Sealing(data.draw(st.sampled_from(SUITES))) for d in range(4)}
    cut = Cut()
    source = random.Random(data.draw(st.integers(0, 999)))
    for _ in range(data.draw(st.integers(0, 300))):
        direction = source.randrange(4)
        size = source.choice([0, 5, 30, 100, 700, 800, 3000])
        body = sealing[direction].seal(source.randbytes(size), source.choice([23] * 30 + [21]))
        if source.random() < 0.01:
            body = body[:-1] + bytes([body[-1] ^ 1])
        cut.add(direction, body)
    assert_same(cut, sealing)


@pytest.mark.parametrize("number", SUITES)
def test_gcm_alone_is_opened_together(number):
    sealing, cut = {3: Sealing(number)}, Cut()
    for _ in range(10):
        cut.add(3, sealing[3].seal(b"short"))
        cut.add(3, sealing[3].seal(bytes(MOST_BYTES)))
    others = assert_same(cut, sealing)
    assert others == ([] if sealing[3].suite.kind.value == "AES-GCM" else list(range(20)))


def test_few_records_are_not_worth_it():
    for count, expected in ((LEAST_RECORDS - 1, LEAST_RECORDS - 1), (LEAST_RECORDS, 0)):
        sealing, cut = {0: Sealing(0x1301)}, Cut()
        for _ in range(count):
            cut.add(0, sealing[0].seal(b"short"))
        assert len(assert_same(cut, sealing)) == expected


def test_directions_of_which_more_is_to_be_done_are_left():
    sealing, cut = Sealing(0x1301), Cut()
    for _ in range(5):
        cut.add(0, sealing.seal(b"short"))
    turns = list(Ahead().turns(*cut.arrays(), lambda _: None))
    assert [turn.tolist() for turn in turns] == [[0, 1, 2, 3, 4]]


def test_it_is_tried_again_once_some_were_opened_one_by_one():
    """What comes first may be a handshake: an alert, here."""
    sealing, cut = {0: Sealing(0x1301), 2: Sealing(0x1302)}, Cut()
    cut.add(0, sealing[0].seal(b"\x01\x00", kind=21))
    for _ in range(3 * FIRST_TURN):
        cut.add(0, sealing[0].seal(b"short"))
        cut.add(2, sealing[2].seal(b"short"))
    others = assert_same(cut, sealing)
    assert others == [0, *range(1, 2 * FIRST_TURN - 1, 2)]


def damaged(data: bytes, seed: int) -> bytes:
    """Return a capture with some packets lost, and some payloads changed, behind a handshake."""
    source = random.Random(seed)
    link, packets = packets_of(data)
    kept = []
    for number, (time, packet, original) in enumerate(packets):
        chance, changed = source.random() + (number < 20), bytearray(packet)
        if chance < 0.02:
            continue
        if chance < 0.04 and len(changed) > 80:
            changed[source.randrange(70, len(changed))] ^= 1 << source.randrange(8)
        kept.append((time, bytes(changed), original))
    return captures.pcap(kept, link_type=link)


# Options: so that some sessions, not all, are given up.
WHOLE = {
    "wss-tls13": {},
    "wss-tls12": {},
    "tls12-aead": {},
    "tls12-renegotiation": {},
    "tls12-resumed": {"max_hello_bytes_total": 300},
    "tls13-early-data": {"max_hello_bytes_total": 300},
    "tls13-key-update": {},
    "tls13-records": {"max_hello_bytes_total": 200},
    "tls13-suites": {},
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("is_damaged", [False, True], ids=["sound", "damaged"])
def test_tables_of_captures(name, is_damaged, monkeypatch):
    """Also where packets are lost, tags do not fit, keys change and limits are reached."""
    data = (CAPTURES / f"{name}.pcap").read_bytes()
    if is_damaged:
        data = damaged(data, 1)
    options = {"keys": CAPTURES / f"{name}.keys", **WHOLE[name]}
    monkeypatch.setattr(ahead, "FIRST_TURN", 1)
    counted = []
    open_there = ahead.Ahead._open

    def opened(self, found, *others):
        before = (found["fate"] == OPENED_RECORD).sum()
        open_there(self, found, *others)
        counted.append((found["fate"] == OPENED_RECORD).sum() - before)

    monkeypatch.setattr(ahead.Ahead, "_open", opened)
    ways = [tables_of(data, batch_bytes=size, **options) for size in (3000, 1 << 20)]
    assert sum(counted) > 0
    monkeypatch.setattr(ahead.Ahead, "_open", lambda *_: None)
    for one, size in zip(ways, (3000, 1 << 20), strict=True):
        assert differing(one, tables_of(data, batch_bytes=size, **options)) == []
