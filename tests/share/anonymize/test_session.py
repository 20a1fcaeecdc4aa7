"""TLS sessions sealed anew: OpenSSL's own sessions, opened with the keys of the new file."""

from __future__ import annotations

from pathlib import Path

import pytest
from oracle.tls_sessions import (
    WITHOUT_ENCRYPT_THEN_MAC,
    Talk,
    V,
    cut,
    decrypt,
    ring_of,
    spoken,
)

from analyzer.options import DEFAULT
from analyzer.share.anonymize.records import Records
from analyzer.share.anonymize.session import Inner, KeyLog, Session, key_log
from analyzer.share.anonymize.words import Words
from analyzer.tls.keylog import KeyRing

WORDS = Words(bytes(range(32)))


class Turned:
    """Rewrites an application's bytes: each becomes another, the last three come later."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        data = self._held + data
        data, self._held = data[:-3], data[-3:]
        return turned(data)

    def gap(self, length: int) -> bytes:
        return self.finish() + bytes(length)

    def finish(self) -> bytes:
        data, self._held = self._held, b""
        return turned(data)


def turned(data: bytes) -> bytes:
    return bytes(byte ^ 0x55 for byte in data)


def sealed(talk: Talk, ring: KeyRing) -> tuple[list[tuple[int, bytes]], KeyLog, Session]:
    """Return what both sides send in the new file: in turns, each with the other's leftovers."""
    log: KeyLog = {}
    make: type[Inner] = Turned
    session = Session(WORDS, ring, DEFAULT, make, log)
    sides = Records(WORDS, session), Records(WORDS, session)
    made = [(side, sides[side].feed(data)) for side, data in talk.turns]
    made += [(side, sides[side].finish()) for side in (0, 1)]
    return made, log, session


@pytest.mark.parametrize(
    ("version", "suite", "options"),
    [
        (V.TLSv1_3, "", 0),
        (V.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256", 0),
        (V.TLSv1_2, "AES256-CCM8", 0),
        (V.TLSv1_2, "ECDHE-RSA-CHACHA20-POLY1305", 0),
        *((V.TLSv1_2, suite, 0) for suite in ("AES128-SHA256", "CAMELLIA128-SHA")),
        (V.TLSv1_2, "AES256-SHA", WITHOUT_ENCRYPT_THEN_MAC),
        (V.TLSv1_1, "AES128-SHA", 0),
        (V.TLSv1, "AES128-SHA", WITHOUT_ENCRYPT_THEN_MAC),
        (V.TLSv1, "CAMELLIA256-SHA", 0),
    ],
)
def test_opened_with_the_keys_of_the_file(
    tmp_path: Path, version: V, suite: str, options: int
) -> None:
    talk = spoken(tmp_path, version, suite, options)
    made, log, session = sealed(talk, ring_of(talk.log))
    before = [[data for side, data in talk.turns if side == each] for each in (0, 1)]
    after = [[data for side, data in made if side == each] for each in (0, 1)]
    assert [len(b"".join(each)) for each in after] == [len(b"".join(each)) for each in before]
    lines = key_log(log)
    assert not set(lines.split()[2::3]) & set(talk.log.split()[2::3])
    assert session.is_sealed
    # Records are in the order in which they were sent.
    order = cut(talk.turns)
    new = [iter(cut([(each, b"".join(after[each]))])) for each in (0, 1)]
    records = [next(new[record.side]) for record in order]
    assert [each[:3] for each in records] == [each[:3] for each in order]
    plain = decrypt(records, ring_of(lines))
    plain.check(*map(turned, talk.said))
    # The keys of the original open none of it.
    old = decrypt(records, ring_of(talk.log))
    assert old.data == (b"", b"")


def test_without_keys_all_that_is_encrypted_becomes_noise(tmp_path: Path) -> None:
    talk = spoken(tmp_path)
    made, log, session = sealed(talk, KeyRing())
    assert (log, session.is_sealed) == ({}, False)
    said = sum(map(len, talk.said))
    assert session.overwritten > said
    assert sum(len(data) for _, data in made) == sum(len(data) for _, data in talk.turns)


def test_with_keys_of_another_session_too(tmp_path: Path) -> None:
    talk, other = spoken(tmp_path), spoken(tmp_path)
    made, log, _ = sealed(talk, ring_of(other.log))
    assert log == {}
    assert sum(len(data) for _, data in made) == sum(len(data) for _, data in talk.turns)
