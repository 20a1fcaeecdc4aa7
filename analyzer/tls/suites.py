"""What a cipher suite asks for: cipher, sizes of keys, tags and nonces, and hash.

Knows how IANA names suites (RFC 5246 A.5, RFC 8446 B.4), and the RFCs of each cipher. Must not
know how a key is made or used: tls.key_schedule and tls.protection do.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Final

from analyzer.lazy_pattern import lazy_pattern
from analyzer.named_tuple import NamedTuple
from analyzer.tls.cipher_suites import SUITES


class Kind(Enum):
    """How records are protected."""

    GCM = "AES-GCM"  # RFC 5288, RFC 8446
    CCM = "AES-CCM"  # RFC 6655, RFC 8446
    CHACHA20 = "ChaCha20-Poly1305"  # RFC 7905, RFC 8446
    AES_CBC = "AES-CBC"  # RFC 5246 6.2.3.2
    CAMELLIA_CBC = "Camellia-CBC"  # RFC 5932
    TRIPLE_DES_CBC = "3DES-CBC"


class SuiteKeys(NamedTuple):
    """What has to be known of a suite to read its records. Sizes in bytes."""

    kind: Kind
    key_bytes: int
    iv_bytes: int
    """The part of a nonce that is made with the keys; of CBC the size of a block."""
    mac: str | None
    """Hash of the MAC; None of a cipher that authenticates by itself."""
    mac_bytes: int
    hash: str
    """Of the key schedule (TLS 1.3), or of the PRF (TLS 1.2)."""
    tag_bytes: int


HASH_BYTES: Final = {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48}

_NAME: Final = lazy_pattern(
    r"TLS_(?:\w+_WITH_)?(?P<cipher>AES_128|AES_256|CAMELLIA_128|CAMELLIA_256|CHACHA20|3DES_EDE)"
    r"_(?P<mode>GCM|CCM_8|CCM|CBC|POLY1305)(?:_(?P<hash>SHA|SHA256|SHA384))?"
)
_MACS: Final = {"SHA": "sha1", "SHA256": "sha256", "SHA384": "sha384"}
_CBC: Final = {
    "AES": (Kind.AES_CBC, 16),
    "CAMELLIA": (Kind.CAMELLIA_CBC, 16),
    "3DES": (Kind.TRIPLE_DES_CBC, 8),
}


@lru_cache(maxsize=256)
def suite_keys(suite: int) -> SuiteKeys | None:
    """Return what a suite asks for; None if its records cannot be read.

    These are stream ciphers other than ChaCha20 (RC4), ciphers that are met nowhere (ARIA,
    SEED, Camellia in GCM), single DES, and NULL.
    """
    named = _NAME.fullmatch(SUITES.get(suite, ""))
    if named is None:
        return None
    cipher, mode = named["cipher"], named["mode"]
    # RFC 5246 5: suites that name no other hash have a PRF with SHA-256.
    prf = "sha384" if named["hash"] == "SHA384" else "sha256"
    size = 16 if cipher.endswith("128") else 32
    is_tls13 = "_WITH_" not in SUITES[suite]
    if mode == "CBC":
        kind, block = _CBC[cipher.partition("_")[0]]
        mac = _MACS[named["hash"]]
        size = 24 if cipher == "3DES_EDE" else size
        return SuiteKeys(kind, size, block, mac, HASH_BYTES[mac], prf, 0)
    if mode == "POLY1305":
        return SuiteKeys(Kind.CHACHA20, 32, 12, None, 0, prf, 16)
    if not cipher.startswith("AES"):
        return None
    kind = Kind.GCM if mode == "GCM" else Kind.CCM
    # RFC 5288 3, RFC 6655 3: 4 bytes with the keys, 8 in the record. RFC 8446 5.3: all 12.
    return SuiteKeys(kind, size, 12 if is_tls13 else 4, None, 0, prf, 8 if mode == "CCM_8" else 16)
