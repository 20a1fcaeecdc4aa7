"""Keys from secrets: published vectors, and what OpenSSL derives."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from oracle.rfc8448 import traces

from analyzer.tls.key_schedule import (
    DirectionKeys,
    expand_label,
    extended_master_secret,
    key_block,
    master_secret,
    next_secret,
    prf,
    session_hashes,
    traffic_keys,
)
from analyzer.tls.suites import suite_keys

AES128 = suite_keys(0x1301)


@pytest.mark.parametrize(
    ("label", "key", "iv"),
    [
        # RFC 8448 3: "derive write traffic keys for ..." of server and client.
        (
            "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            "3fce516009c21727d0f2e4e86ee403bc",
            "5d313eb2671276ee13000b30",
        ),
        (
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            "dbfaa693d1762c5b666af5d950258d01",
            "5bd3c71b836e0b76bb73265f",
        ),
        (
            "SERVER_TRAFFIC_SECRET_0",
            "9f02283b6c9c07efc26bb9f2ac92e356",
            "cf782b88dd83549aadf1e984",
        ),
        (
            "CLIENT_TRAFFIC_SECRET_0",
            "17422dda596ed5d9acd890e3c63f5051",
            "5b78923dee08579033e523d9",
        ),
    ],
)
def test_traffic_keys_of_rfc8448(label, key, iv):
    made = traffic_keys(traces()[3].secrets[label], AES128)
    assert [each.hex() for each in made] == [key, iv]


def test_finished_key_of_rfc8448():
    """RFC 8448 3, "calculate finished" of the server."""
    made = expand_label(
        traces()[3].secrets["SERVER_HANDSHAKE_TRAFFIC_SECRET"], b"finished", b"", 32, "sha256"
    )
    assert made.hex() == "008d3b66f816ea559f96b537e885c31fc068bf492c652f01f288a1d8cdc19fc8"


def test_expansion_is_hkdf_by_hand():
    """RFC 8446 7.1 and RFC 5869 2.3, of two blocks."""
    secret = bytes(range(48))
    info = b"\0\x50\x11tls13 traffic upd\3ctx"
    first = hmac.digest(secret, info + b"\1", "sha384")
    second = hmac.digest(secret, first + info + b"\2", "sha384")
    assert expand_label(secret, b"traffic upd", b"ctx", 80, "sha384") == (first + second)[:80]


@pytest.mark.parametrize("hash_", ["sha256", "sha384"])
def test_next_secret_is_as_long_as_the_hash(hash_):
    size = hashlib.new(hash_).digest_size
    made = next_secret(bytes(size), hash_)
    assert made == expand_label(bytes(size), b"traffic upd", b"", size, hash_)
    assert len(made) == size


def test_prf_of_tls12():
    """The vectors of SHA-256 and SHA-384 posted to the TLS working group's list (June 2009)."""
    secret = bytes.fromhex("9bbe436ba940f017b17652849a71db35")
    seed = bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    made = prf(secret, b"test label", seed, 100, version=0x0303, hash_="sha256")
    assert made.hex() == (
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a"
        "6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab"
        "4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701"
        "87347b66"
    )


def p_hash(secret, seed, length, name):
    made, chain = b"", seed
    while len(made) < length:
        chain = hmac.digest(secret, chain, name)
        made += hmac.digest(secret, chain + seed, name)
    return made[:length]


@pytest.mark.parametrize("size", [0, 1, 47, 48])
def test_prf_of_older_versions(size):
    """RFC 4346 5: two halves that share a byte if the secret has an odd number of them."""
    secret = bytes(range(1, size + 1))
    half = (size + 1) // 2
    md5 = p_hash(secret[:half], b"labelseed", 60, "md5")
    sha1 = p_hash(secret[size - half :], b"labelseed", 60, "sha1")
    expected = bytes(a ^ b for a, b in zip(md5, sha1, strict=True))
    assert prf(secret, b"label", b"seed", 60, version=0x0302, hash_="sha256") == expected


def test_master_secrets():
    client, server, premaster = b"c" * 32, b"s" * 32, b"p" * 48
    made = master_secret(premaster, client, server, version=0x0303, hash_="sha384")
    assert made == p_hash(premaster, b"master secret" + client + server, 48, "sha384")
    made = extended_master_secret(premaster, b"hash", version=0x0303, hash_="sha256")
    assert made == p_hash(premaster, b"extended master secret" + b"hash", 48, "sha256")
    assert session_hashes(0x0303, "sha384") == ("sha384",)
    assert session_hashes(0x0301, "sha256") == ("md5", "sha1")


@pytest.mark.parametrize(
    ("number", "version", "sizes"),
    [
        (0xC02F, 0x0303, (0, 16, 4)),  # AES_128_GCM
        (0xC030, 0x0303, (0, 32, 4)),
        (0xC09C, 0x0303, (0, 16, 4)),  # AES_128_CCM
        (0xCCA8, 0x0303, (0, 32, 12)),  # ChaCha20
        (0xC014, 0x0303, (20, 32, 0)),  # AES_256_CBC_SHA
        (0xC028, 0x0303, (48, 32, 0)),  # AES_256_CBC_SHA384
        (0x002F, 0x0301, (20, 16, 16)),
        (0x000A, 0x0301, (20, 24, 8)),  # 3DES
    ],
)
def test_key_blocks(number, version, sizes):
    """RFC 5246 6.3: MAC keys, keys, IVs, each of the client first; randoms the other way."""
    client, server = key_block(
        bytes(48), b"c" * 32, b"s" * 32, version=version, suite=suite_keys(number)
    )
    assert tuple(map(len, client)) == tuple(map(len, server)) == sizes
    block = b"".join(a + b for a, b in zip(client, server, strict=True))
    suite = suite_keys(number)
    seed = b"s" * 32 + b"c" * 32
    assert block == prf(
        bytes(48), b"key expansion", seed, len(block), version=version, hash_=suite.hash
    )


def test_keys_do_not_show():
    assert repr(DirectionKeys(b"mac", b"key", b"iv")) == "DirectionKeys(...)"
