"""Records of one direction: sealed by hand with the package cryptography, opened here."""

from __future__ import annotations

import hmac
import struct

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia, TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from analyzer.tls.key_schedule import DirectionKeys, traffic_keys
from analyzer.tls.protection import Cbc, ChaCha20, ExplicitNonce, Tls13, is_possible, protection
from analyzer.tls.suites import suite_keys

SECRETS = {32: bytes(range(32)), 48: bytes(range(48))}
KEYS = DirectionKeys(bytes(range(100, 120)), bytes(range(16)), bytes(range(50, 66)))


def seal13(number, suite, secret, content, kind=23, padding=0):
    """RFC 8446 5.2, word by word."""
    key, iv = traffic_keys(secret, suite)
    nonce = bytes(a ^ b for a, b in zip(iv, number.to_bytes(12, "big"), strict=True))
    inner = content + bytes([kind]) + bytes(padding)
    aad = struct.pack(">BHH", 23, 0x0303, len(inner) + suite.tag_bytes)
    made = {
        "AES-GCM": lambda: AESGCM(key),
        "AES-CCM": lambda: AESCCM(key, tag_length=suite.tag_bytes),
        "ChaCha20-Poly1305": lambda: ChaCha20Poly1305(key),
    }[suite.kind.value]()
    return made.encrypt(nonce, inner, aad)


@pytest.mark.parametrize("number", [0x1301, 0x1302, 0x1303, 0x1304, 0x1305])
@given(content=st.binary(max_size=300), padding=st.integers(0, 300), first=st.integers(0, 1 << 63))
def test_tls13(number, content, padding, first):
    suite = suite_keys(number)
    secret = SECRETS[48 if suite.hash == "sha384" else 32]
    opening = Tls13(secret, suite)
    opening.sequence = first
    for more in range(3):
        body = seal13(first + more, suite, secret, content, 21 + more, padding)
        assert opening.open(23, 0x0303, body) == (21 + more, 0, content)
        assert opening.open(23, 0x0303, body) is None
    assert opening.sequence == first + 3


def test_tls13_with_no_content_type():
    """RFC 8446 5.4: "If a receiving implementation does not find a non-zero octet"."""
    suite, secret = suite_keys(0x1301), SECRETS[32]
    body = seal13(0, suite, secret, b"", kind=0, padding=30)
    assert Tls13(secret, suite).open(23, 0x0303, body) == (0, 0, b"")


def seal_cbc(number, version, content, chain=b"", *, etm=False, kind=23, extra=0):
    """RFC 5246 6.2.3.2, RFC 7366 3; chain: the vector that TLS 1.0 does not send."""
    vector = chain or bytes(range(200, 216))

    def mac(data):
        numbered = struct.pack(">QBHH", number, kind, version, len(data))
        return hmac.digest(KEYS.mac_key, numbered + data, "sha1")

    plain = content if etm else content + mac(content)
    padding = 15 - len(plain) % 16 + 16 * extra
    plain += bytes([padding]) * (padding + 1)
    sealing = Cipher(algorithms.AES(KEYS.key), modes.CBC(vector)).encryptor()
    sealed = (b"" if chain else vector) + sealing.update(plain)
    return sealed + (mac(sealed) if etm else b"")


@pytest.mark.parametrize("etm", [False, True])
@pytest.mark.parametrize("version", [0x0301, 0x0302, 0x0303])
@given(content=st.binary(max_size=100), extra=st.integers(0, 14))
def test_cbc(version, etm, content, extra):
    suite = suite_keys(0x002F)
    opening = protection(KEYS, suite, version, encrypt_then_mac=etm)
    assert isinstance(opening, Cbc)
    chain = KEYS.iv
    for number in range(3):
        implicit = chain if version == 0x0301 else b""
        body = seal_cbc(number, version, content, implicit, etm=etm, extra=extra)
        start = 0 if version == 0x0301 else 16
        assert opening.open(23, version, body) == (23, start, content)
        assert opening.open(23, version, body) is None
        chain = body[-36:-20] if etm else body[-16:]
    assert opening.sequence == 3


@pytest.mark.parametrize(
    ("number", "algorithm", "key_bytes", "block"),
    [(0x000A, TripleDES, 24, 8), (0x0041, Camellia, 16, 16), (0x0084, Camellia, 32, 16)],
)
def test_other_block_ciphers(number, algorithm, key_bytes, block):
    keys = DirectionKeys(bytes(20), bytes(range(key_bytes)), b"")
    opening = protection(keys, suite_keys(number), 0x0303)
    for sequence in range(3):
        numbered = struct.pack(">QBHH", sequence, 23, 0x0303, 7)
        plain = b"content" + hmac.digest(keys.mac_key, numbered + b"content", "sha1")
        padding = block - 1 - len(plain) % block
        vector = bytes(range(sequence, sequence + block))
        sealing = Cipher(algorithm(keys.key), modes.CBC(vector)).encryptor()
        body = vector + sealing.update(plain + bytes([padding]) * (padding + 1))
        assert opening.open(23, 0x0303, body) == (23, block, b"content")


def test_cbc_of_tls10_behind_a_gap():
    """The record behind it gives the next one its vector, and cannot be read itself."""
    suite = suite_keys(0x002F)
    opening = protection(KEYS, suite, 0x0301)
    bodies, chain = [], KEYS.iv
    for number in range(5):
        bodies.append(seal_cbc(number, 0x0301, b"content %d" % number, chain))
        chain = bodies[-1][-16:]
    assert opening.open(23, 0x0301, bodies[0]) == (23, 0, b"content 0")
    opening.lose()
    assert opening.seek(range(1, 10), 23, 0x0301, bodies[2]) is None
    opening.pass_by(bodies[2])
    assert opening.seek(range(1, 10), 23, 0x0301, bodies[3]) == (23, 0, b"content 3")
    assert opening.open(23, 0x0301, bodies[4]) == (23, 0, b"content 4")


@given(st.data())
def test_what_is_changed_is_not_opened(data):
    """No byte of a record may change; nothing raises whatever comes."""
    suite13, secret = suite_keys(0x1304), SECRETS[32]
    cases = [
        (Tls13(secret, suite13), seal13(0, suite13, secret, b"content")),
        (protection(KEYS, suite_keys(0x002F), 0x0303), seal_cbc(0, 0x0303, b"content")),
        (
            protection(KEYS, suite_keys(0x002F), 0x0303, encrypt_then_mac=True),
            seal_cbc(0, 0x0303, b"content", etm=True),
        ),
    ]
    opening, body = data.draw(st.sampled_from(cases))
    place = data.draw(st.integers(0, len(body) - 1))
    changed = (
        body[:place] + bytes([body[place] ^ data.draw(st.integers(1, 255))]) + body[place + 1 :]
    )
    assert opening.open(23, 0x0303, changed) is None
    assert opening.open(22, 0x0303, body) is None
    assert opening.open(23, 0x0302, body) is None
    assert opening.open(23, 0x0303, body[: data.draw(st.integers(0, len(body) - 1))]) is None
    assert opening.open(23, 0x0303, data.draw(st.binary(max_size=100))) is None
    assert opening.sequence == 0
    assert opening.open(23, 0x0303, body)[2] == b"content"


@pytest.mark.parametrize("number", [0xC02F, 0xC09C, 0xC0A0, 0xCCA8])
def test_aead_of_tls12_too_short(number):
    suite = suite_keys(number)
    keys = DirectionKeys(b"", bytes(suite.key_bytes), bytes(suite.iv_bytes))
    opening = protection(keys, suite, 0x0303)
    assert isinstance(opening, ChaCha20 if number == 0xCCA8 else ExplicitNonce)
    for size in range(50):
        assert opening.open(23, 0x0303, bytes(size)) is None
    assert opening.seek(range(5), 23, 0x0303, bytes(40)) is None
    assert opening.sequence == 0
    assert repr(opening) == f"<{type(opening).__name__}, record 0>"


@pytest.mark.parametrize("number", [0x1301, 0x1302, 0xC02F, 0xC030])
def test_what_opens_many_records_of_gcm(number):
    """The nonce of RFC 8446 5.3 or RFC 5288 3, without what is each record's own."""
    suite = suite_keys(number)
    if number >> 8 == 0x13:
        secret = SECRETS[48 if suite.hash == "sha384" else 32]
        opening, (key, iv) = Tls13(secret, suite), traffic_keys(secret, suite)
    else:
        key, iv = bytes(range(suite.key_bytes)), b"salt"
        opening = protection(DirectionKeys(b"", key, iv), suite, 0x0303)
    made = opening.blocks
    assert made.high << 32 | made.low == int.from_bytes(iv.ljust(12, b"\0"), "big")
    assert made.explicit == 12 - len(iv)
    plain, sealed = bytes(range(64)), bytearray(80)
    made.encrypt(memoryview(plain), memoryview(sealed))
    assert sealed[:64] == Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(plain)
    assert opening.blocks is made


def test_other_ciphers_open_records_one_by_one():
    for number in (0x1303, 0x1304):
        assert Tls13(SECRETS[32], suite_keys(number)).blocks is None
    for number in (0xC09C, 0xCCA8, 0x002F):
        suite = suite_keys(number)
        keys = DirectionKeys(bytes(20), bytes(suite.key_bytes), bytes(suite.iv_bytes))
        assert protection(keys, suite, 0x0303).blocks is None


def test_suites_that_older_versions_do_not_have():
    assert is_possible(suite_keys(0xC02F), 0x0303)
    assert not is_possible(suite_keys(0xC02F), 0x0302)
    assert is_possible(suite_keys(0xC014), 0x0301)
