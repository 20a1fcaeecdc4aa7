"""Protects records of TLS under keys made for a file: tls.protection, the other way round.

A record keeps its length, its number, its explicit nonce or vector, and its padding. Knows RFC 8446
5.2 to 5.4, RFC 5246 6.2.3, RFC 5288, RFC 7366 and RFC 7905. Must not know handshakes. Used by
session.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hmac

from analyzer.named_tuple import NamedTuple
from analyzer.tls.key_schedule import HASHES, DirectionKeys, traffic_keys
from analyzer.tls.names import TLS_1_0
from analyzer.tls.protection import EXPLICIT_NONCE, HEADER, NUMBERED, aead, block_cipher
from analyzer.tls.suites import Kind, SuiteKeys

_NONCE_BYTES: Final = 12


class Record(NamedTuple):
    """A record that was opened.

    Attributes:
        number: its sequence number.
        kind, version: in its header.
        body: what follows that; of the new one it gives length, nonce and vector.
        inner: content type of what it holds.
    """

    number: int
    kind: int
    version: int
    body: bytes
    inner: int


class Seal:
    """One direction's records under one set of keys."""

    def seal(self, record: Record, content: bytes) -> bytes:
        """Return the body of a record with other content of the same length."""
        raise NotImplementedError

    def pass_by(self, body: bytes) -> None:
        """Note a record that was written without being sealed."""


class Tls13Seal(Seal):
    """Records of TLS 1.3 (RFC 8446 5.2)."""

    def __init__(self, secret: bytes, suite: SuiteKeys) -> None:
        key, iv = traffic_keys(secret, suite)
        self._encrypt = aead(key, suite).encrypt
        self._iv = int.from_bytes(iv, "big")
        self._tag = suite.tag_bytes

    def seal(self, record: Record, content: bytes) -> bytes:
        """See Seal."""
        size = len(record.body)
        plain = (content + bytes([record.inner])).ljust(size - self._tag, b"\0")
        nonce = (self._iv ^ record.number).to_bytes(_NONCE_BYTES, "big")
        return self._encrypt(nonce, plain, HEADER(record.kind, record.version, size))


class AeadSeal(Seal):
    """AES-GCM, AES-CCM and ChaCha20-Poly1305 in TLS 1.2 (RFC 5288 3, RFC 7905 2)."""

    def __init__(self, keys: DirectionKeys, suite: SuiteKeys) -> None:
        self._encrypt = aead(keys.key, suite).encrypt
        self._iv = keys.iv
        self._explicit = 0 if suite.kind is Kind.CHACHA20 else EXPLICIT_NONCE

    def seal(self, record: Record, content: bytes) -> bytes:
        """See Seal."""
        explicit = record.body[: self._explicit]
        nonce = self._iv + explicit
        if not explicit:
            mixed = int.from_bytes(self._iv, "big") ^ record.number
            nonce = mixed.to_bytes(_NONCE_BYTES, "big")
        header = NUMBERED(record.number, record.kind, record.version, len(content))
        return explicit + self._encrypt(nonce, content, header)


class CbcSeal(Seal):
    """Block ciphers with a MAC beside them (RFC 5246 6.2.3.2, RFC 7366)."""

    def __init__(
        self, keys: DirectionKeys, suite: SuiteKeys, version: int, *, encrypt_then_mac: bool
    ) -> None:
        assert suite.mac is not None
        self._keys, self._suite = keys, suite
        self._mac = hmac.HMAC(keys.mac_key, HASHES[suite.mac])
        self._encrypt_then_mac = encrypt_then_mac
        self._explicit = suite.iv_bytes if version > TLS_1_0 else 0
        self._chain = keys.iv

    def seal(self, record: Record, content: bytes) -> bytes:
        """See Seal."""
        behind = self._suite.mac_bytes if self._encrypt_then_mac else 0
        vector = record.body[: self._explicit] if self._explicit else self._chain
        plain = content if self._encrypt_then_mac else content + self._mac_of(record, content)
        padding = len(record.body) - self._explicit - behind - len(plain)
        plain += bytes([padding - 1]) * padding
        made = block_cipher(self._keys.key, self._suite, vector).encryptor().update(plain)
        sealed = vector[: self._explicit] + made
        whole = sealed + self._mac_of(record, sealed) if behind else sealed
        self.pass_by(whole)
        return whole

    def pass_by(self, body: bytes) -> None:
        """See Seal."""
        sealed = body[: -self._suite.mac_bytes] if self._encrypt_then_mac else body
        if len(sealed) >= self._suite.iv_bytes:
            self._chain = sealed[-self._suite.iv_bytes :]

    def _mac_of(self, record: Record, content: bytes) -> bytes:
        running = self._mac.copy()
        running.update(NUMBERED(record.number, record.kind, record.version, len(content)))
        running.update(content)
        return running.finalize()


def older_seal(
    keys: DirectionKeys, suite: SuiteKeys, version: int, *, encrypt_then_mac: bool
) -> Seal:
    """Return what protects the records of one direction in TLS 1.0 to 1.2."""
    if suite.mac is not None:
        return CbcSeal(keys, suite, version, encrypt_then_mac=encrypt_then_mac)
    return AeadSeal(keys, suite)
