"""Sealed records, opened again by tls.protection, which other tests compare with OpenSSL."""

from __future__ import annotations

import os

import pytest

from analyzer.share.anonymize.sealing import Record, Tls13Seal, older_seal
from analyzer.tls.key_schedule import DirectionKeys
from analyzer.tls.names import TLS_1_0, TLS_1_2
from analyzer.tls.protection import Tls13, protection
from analyzer.tls.suites import HASH_BYTES, suite_keys

CONTENT = b"GET /private HTTP/1.1\r\n"


@pytest.mark.parametrize("number", [0x1301, 0x1302, 0x1303, 0x1304, 0x1305])
@pytest.mark.parametrize("padding", [0, 1, 200])
def test_tls13(number: int, padding: int) -> None:
    suite = suite_keys(number)
    assert suite is not None
    secret = os.urandom(HASH_BYTES[suite.hash])
    seal, reader = Tls13Seal(secret, suite), Tls13(secret, suite)
    for sequence, inner in enumerate((22, 23, 21)):
        body = bytes(len(CONTENT) + 1 + padding + suite.tag_bytes)
        made = seal.seal(Record(sequence, 23, 0x303, body, inner), CONTENT)
        assert len(made) == len(body)
        assert reader.open(23, 0x303, made) == (inner, 0, CONTENT)


@pytest.mark.parametrize(
    ("number", "version", "encrypt_then_mac"),
    [
        (0xC02F, TLS_1_2, False),  # AES-128-GCM
        (0xC030, TLS_1_2, False),  # AES-256-GCM
        (0xC0AC, TLS_1_2, False),  # AES-128-CCM
        (0xC0AE, TLS_1_2, False),  # AES-128-CCM-8
        (0xCCA8, TLS_1_2, False),  # ChaCha20-Poly1305
        (0xC013, TLS_1_2, False),  # AES-128-CBC, SHA-1
        (0xC027, TLS_1_2, True),  # AES-128-CBC, SHA-256
        (0xC014, TLS_1_0 + 1, False),
        (0xC014, TLS_1_0, False),
        (0xC014, TLS_1_0, True),
        (0x000A, TLS_1_0, False),  # 3DES
        (0x0041, TLS_1_2, True),  # Camellia
    ],
)
def test_older_versions(number: int, version: int, encrypt_then_mac: bool) -> None:
    suite = suite_keys(number)
    assert suite is not None
    mac = os.urandom(suite.mac_bytes)
    keys = DirectionKeys(mac, os.urandom(suite.key_bytes), os.urandom(suite.iv_bytes))
    seal = older_seal(keys, suite, version, encrypt_then_mac=encrypt_then_mac)
    reader = protection(keys, suite, version, encrypt_then_mac=encrypt_then_mac)
    # A body of the right length: what a peer with other keys would have sent.
    for sequence in range(4):
        content = CONTENT * (sequence + 1)
        body = os.urandom(_length(suite, version, len(content), encrypt_then_mac))
        made = seal.seal(Record(sequence, 23, 0x303, body, 23), content)
        assert len(made) == len(body)
        opened = reader.open(23, 0x303, made)
        assert opened is not None
        assert (opened[0], opened[2]) == (23, content)


def _length(suite, version: int, content: int, encrypt_then_mac: bool) -> int:
    """Return the length of a body as RFC 5246 6.2.3 and RFC 7366 3 give it."""
    if suite.mac is None:
        explicit = 0 if suite.kind.name == "CHACHA20" else 8
        return explicit + content + suite.tag_bytes
    block = suite.iv_bytes
    padded = content + (0 if encrypt_then_mac else suite.mac_bytes) + 1
    padded += -padded % block
    explicit = block if version > TLS_1_0 else 0
    return explicit + padded + (suite.mac_bytes if encrypt_then_mac else 0)


def test_a_record_that_was_passed_by_is_the_next_vector() -> None:
    suite = suite_keys(0xC014)
    assert suite is not None
    keys = DirectionKeys(os.urandom(20), os.urandom(32), os.urandom(16))
    seal = older_seal(keys, suite, TLS_1_0, encrypt_then_mac=False)
    reader = protection(keys, suite, TLS_1_0)
    noise = os.urandom(64)
    seal.pass_by(noise)
    reader.pass_by(noise)
    body = bytes(_length(suite, TLS_1_0, len(CONTENT), False))
    made = seal.seal(Record(0, 23, 0x301, body, 23), CONTENT)
    assert reader.open(23, 0x301, made) == (23, 0, CONTENT)
