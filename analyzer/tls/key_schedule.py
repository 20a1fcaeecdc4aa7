"""From secrets to keys: HKDF of TLS 1.3, and the pseudorandom function of TLS 1.0 to 1.2.

Knows RFC 8446 7.1 to 7.3, RFC 5246 5, 6.3 and 8.1, RFC 4346 5 and RFC 7627 4. All hashing is
done by the package cryptography. Must not know records or where secrets come from. Called by
tls.decryption and its neighbours.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from analyzer.named_tuple import NamedTuple
from analyzer.tls.names import TLS_1_2
from analyzer.tls.suites import HASH_BYTES, SuiteKeys

HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    # TLS 1.0 and 1.1 are made of them; nothing is kept secret here.
    "md5": hashes.MD5(),
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
}
MASTER_BYTES: Final = 48
"""RFC 5246 8.1: "The master secret is always exactly 48 bytes in length." """


class DirectionKeys(NamedTuple):
    """What protects the records of one direction in TLS 1.0 to 1.2 (RFC 5246 6.3)."""

    mac_key: bytes
    key: bytes
    iv: bytes
    """Fixed part of the nonce; of CBC in TLS 1.0 the first vector, later unused."""

    def __repr__(self) -> str:
        return "DirectionKeys(...)"


# --- TLS 1.3


def expand_label(secret: bytes, label: bytes, context: bytes, length: int, hash_: str) -> bytes:
    """Return HKDF-Expand-Label (RFC 8446 7.1) of `length` bytes."""
    name = b"tls13 " + label
    info = length.to_bytes(2, "big") + bytes([len(name)]) + name + bytes([len(context)]) + context
    return HKDFExpand(algorithm=HASHES[hash_], length=length, info=info).derive(secret)


def traffic_keys(secret: bytes, suite: SuiteKeys) -> tuple[bytes, bytes]:
    """Return key and IV that a traffic secret makes (RFC 8446 7.3)."""
    key = expand_label(secret, b"key", b"", suite.key_bytes, suite.hash)
    return key, expand_label(secret, b"iv", b"", suite.iv_bytes, suite.hash)


def next_secret(secret: bytes, hash_: str) -> bytes:
    """Return the traffic secret after a KeyUpdate (RFC 8446 7.2)."""
    return expand_label(secret, b"traffic upd", b"", HASH_BYTES[hash_], hash_)


# --- TLS 1.0 to 1.2


def prf(
    secret: bytes, label: bytes, seed: bytes, length: int, *, version: int, hash_: str
) -> bytes:
    """Return `length` bytes of the pseudorandom function (RFC 5246 5, RFC 4346 5).

    Args:
        secret: master or pre-master secret.
        label: what it is made for.
        seed: what follows the label.
        length: bytes wanted.
        version: of the session; before TLS 1.2 the function is one of MD5 and SHA-1.
        hash_: the suite's, in TLS 1.2.
    """
    if version >= TLS_1_2:
        return _p_hash(secret, label + seed, length, hash_)
    half = (len(secret) + 1) // 2
    md5 = _p_hash(secret[:half], label + seed, length, "md5")
    sha1 = _p_hash(secret[-half:], label + seed, length, "sha1")
    return bytes(a ^ b for a, b in zip(md5, sha1, strict=True))


def _p_hash(secret: bytes, seed: bytes, length: int, hash_: str) -> bytes:
    """Return P_hash (RFC 5246 5): HMAC over a chain of HMACs."""
    keyed = hmac.HMAC(secret, HASHES[hash_])
    made, chain = b"", seed
    while len(made) < length:
        chain = _hmac(keyed, chain)
        made += _hmac(keyed, chain + seed)
    return made[:length]


def _hmac(keyed: hmac.HMAC, data: bytes) -> bytes:
    running = keyed.copy()
    running.update(data)
    return running.finalize()


def master_secret(
    premaster: bytes, client_random: bytes, server_random: bytes, *, version: int, hash_: str
) -> bytes:
    """Return the master secret (RFC 5246 8.1)."""
    seed = client_random + server_random
    return prf(premaster, b"master secret", seed, MASTER_BYTES, version=version, hash_=hash_)


def extended_master_secret(
    premaster: bytes, session_hash: bytes, *, version: int, hash_: str
) -> bytes:
    """Return the master secret that hangs on the whole handshake (RFC 7627 4).

    Args:
        premaster: pre-master secret.
        session_hash: of all handshake messages up to the ClientKeyExchange.
        version: of the session.
        hash_: the suite's, in TLS 1.2.
    """
    label = b"extended master secret"
    return prf(premaster, label, session_hash, MASTER_BYTES, version=version, hash_=hash_)


def session_hashes(version: int, hash_: str) -> tuple[str, ...]:
    """Return the hashes whose values, one after the other, are a session hash (RFC 7627 3)."""
    return (hash_,) if version >= TLS_1_2 else ("md5", "sha1")


def key_block(
    master: bytes, client_random: bytes, server_random: bytes, *, version: int, suite: SuiteKeys
) -> tuple[DirectionKeys, DirectionKeys]:
    """Return the keys of client and server (RFC 5246 6.3)."""
    sizes = [suite.mac_bytes, suite.key_bytes, suite.iv_bytes]
    if suite.mac is not None and version >= TLS_1_2:
        sizes[2] = 0  # each record brings its own
    seed = server_random + client_random
    block = prf(master, b"key expansion", seed, 2 * sum(sizes), version=version, hash_=suite.hash)
    parts: list[bytes] = []
    for size in sizes:
        for _ in range(2):
            parts.append(block[:size])
            block = block[size:]
    return DirectionKeys(*parts[::2]), DirectionKeys(*parts[1::2])
