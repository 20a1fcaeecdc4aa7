"""Opens the records of one direction and one set of keys, each proven by its tag or MAC.

Knows RFC 8446 5.2 and 5.3, RFC 5246 6.2.3, RFC 4346 6.2.3.2, RFC 5288, RFC 6655, RFC 7366 and
RFC 7905. The ciphers themselves are those of the package cryptography; each one is set up
once, and used for all records. Must not know handshakes. Called by tls.decryption.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia, TripleDES
from cryptography.hazmat.primitives import hmac
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from analyzer.named_tuple import NamedTuple
from analyzer.tls.key_schedule import HASHES, DirectionKeys, traffic_keys
from analyzer.tls.names import TLS_1_0, TLS_1_2
from analyzer.tls.suites import Kind, SuiteKeys

Opened = tuple[int, int, bytes]
"""A record that could be read: content type, the place in the record's body that the first byte
of the content corresponds to, and the content."""
Body = bytes | memoryview

EXPLICIT_NONCE: Final = 8
_BLOCK_CIPHERS: Final[dict[Kind, Callable[[bytes], AES | Camellia | TripleDES]]] = {
    Kind.AES_CBC: AES,
    Kind.CAMELLIA_CBC: Camellia,
    Kind.TRIPLE_DES_CBC: TripleDES,
}
HEADER: Final = struct.Struct(">BHH").pack
"""The additional data of TLS 1.3: a record's header (RFC 8446 5.2)."""
NUMBERED: Final = struct.Struct(">QBHH").pack
"""What older versions authenticate: sequence number and header (RFC 5246 6.2.3.1, 6.2.3.3)."""


class Blocks(NamedTuple):
    """What the kernel of AES-GCM needs of one direction's keys."""

    encrypt: Callable[[memoryview, memoryview], int]
    """Encrypts blocks of AES, each by itself, into a buffer."""
    high: int
    low: int
    """First 8 and last 4 bytes of the nonce; without those that a record brings."""
    explicit: int
    """Bytes that a record brings."""


class Protection:
    """One direction's records under one set of keys."""

    __slots__ = ("sequence",)

    def __init__(self) -> None:
        self.sequence = 0
        """Number of the record that is opened next."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, record {self.sequence}>"

    def open(self, kind: int, version: int, body: Body) -> Opened | None:
        """Open the record `sequence`, and count it; None, and no change, if it is not that.

        Args:
            kind: content type in its header.
            version: version there.
            body: what follows the header.
        """
        raise NotImplementedError

    @property
    def blocks(self) -> Blocks | None:
        """What opens many short records together (tls.ahead); None where nothing does."""
        return None

    def lose(self) -> None:
        """Note that what comes next does not follow the last record."""

    def pass_by(self, body: Body) -> None:
        """Note a record that could not be opened, and that the next one follows."""

    def seek(self, numbers: Sequence[int], kind: int, version: int, body: Body) -> Opened | None:
        """Open a record that has one of these numbers; None, and no change, if it has not."""
        before = self.sequence
        for number in numbers:
            self.sequence = number
            opened = self.open(kind, version, body)
            if opened is not None:
                return opened
        self.sequence = before
        return None


class Tls13(Protection):
    """Records of TLS 1.3 (RFC 8446 5.2)."""

    __slots__ = ("_blocks", "_decrypt", "_iv", "_key")

    def __init__(self, secret: bytes, suite: SuiteKeys) -> None:
        super().__init__()
        key, iv = traffic_keys(secret, suite)
        self._decrypt = aead(key, suite).decrypt
        self._iv = int.from_bytes(iv, "big")
        self._key = key if suite.kind is Kind.GCM else None
        self._blocks: Blocks | None = None

    @property
    def blocks(self) -> Blocks | None:
        """See Protection."""
        if self._blocks is None and self._key is not None:
            self._blocks = Blocks(blocks_of(self._key), self._iv >> 32, self._iv & 0xFFFFFFFF, 0)
        return self._blocks

    def open(self, kind: int, version: int, body: Body) -> Opened | None:
        """See Protection."""
        try:
            content = self._decrypt(
                (self._iv ^ self.sequence).to_bytes(12, "big"),
                body,
                HEADER(kind, version, len(body)),
            )
            inner = content[-1]
        except (InvalidTag, IndexError):
            return None
        self.sequence += 1
        if inner:
            return inner, 0, content[:-1]
        # RFC 8446 5.4: zeros after the content type are padding. Nothing but zeros must not
        # be sent: it has no content type, and counts as one that means nothing.
        content = content.rstrip(b"\0")
        return (content[-1], 0, content[:-1]) if content else (0, 0, b"")


class ExplicitNonce(Protection):
    """AES-GCM and AES-CCM in TLS 1.2: each record brings 8 bytes of its nonce (RFC 5288 3)."""

    __slots__ = ("_blocks", "_decrypt", "_key", "_overhead", "_salt")

    def __init__(self, keys: DirectionKeys, suite: SuiteKeys) -> None:
        super().__init__()
        self._decrypt = aead(keys.key, suite).decrypt
        self._key = keys.key if suite.kind is Kind.GCM else None
        self._blocks: Blocks | None = None
        self._salt = keys.iv
        self._overhead = EXPLICIT_NONCE + suite.tag_bytes

    @property
    def blocks(self) -> Blocks | None:
        """See Protection."""
        if self._blocks is None and self._key is not None:
            high = int.from_bytes(self._salt, "big") << 32
            self._blocks = Blocks(blocks_of(self._key), high, 0, EXPLICIT_NONCE)
        return self._blocks

    def open(self, kind: int, version: int, body: Body) -> Opened | None:
        """See Protection."""
        size = len(body) - self._overhead
        if size < 0:
            return None
        try:
            content = self._decrypt(
                self._salt + body[:EXPLICIT_NONCE],
                body[EXPLICIT_NONCE:],
                NUMBERED(self.sequence, kind, version, size),
            )
        except InvalidTag:
            return None
        self.sequence += 1
        return kind, EXPLICIT_NONCE, content


class ChaCha20(Protection):
    """ChaCha20-Poly1305 in TLS 1.2: nonces as in TLS 1.3, all else as before (RFC 7905 2)."""

    __slots__ = ("_decrypt", "_iv", "_tag")

    def __init__(self, keys: DirectionKeys, suite: SuiteKeys) -> None:
        super().__init__()
        self._decrypt = aead(keys.key, suite).decrypt
        self._iv = int.from_bytes(keys.iv, "big")
        self._tag = suite.tag_bytes

    def open(self, kind: int, version: int, body: Body) -> Opened | None:
        """See Protection."""
        size = len(body) - self._tag
        if size < 0:
            return None
        try:
            content = self._decrypt(
                (self._iv ^ self.sequence).to_bytes(12, "big"),
                body,
                NUMBERED(self.sequence, kind, version, size),
            )
        except InvalidTag:
            return None
        self.sequence += 1
        return kind, 0, content


class Cbc(Protection):
    """Block ciphers with a MAC beside them (RFC 5246 6.2.3.2, RFC 7366).

    The context of CBC lives on from record to record: whatever was decrypted before, a block
    that is fed in front of a record is the vector of the record's first block (RFC 4346
    6.2.3.2 shows the same trick in (2)(b)).
    """

    __slots__ = ("_block", "_chain", "_decrypt", "_encrypt_then_mac", "_explicit", "_mac", "_size")

    def __init__(
        self, keys: DirectionKeys, suite: SuiteKeys, version: int, encrypt_then_mac: bool
    ) -> None:
        super().__init__()
        assert suite.mac is not None
        self._block = suite.iv_bytes
        # The first block that comes out is dropped.
        self._decrypt = block_cipher(keys.key, suite).decryptor().update
        self._mac = hmac.HMAC(keys.mac_key, HASHES[suite.mac])
        self._size = suite.mac_bytes
        self._encrypt_then_mac = encrypt_then_mac
        self._explicit = version > TLS_1_0
        self._chain = keys.iv
        """TLS 1.0: the last block of the record before, which is the next one's vector; b"" if
        that was lost. RFC 7366's MAC does not detect that the first block decrypts wrongly."""

    def open(self, kind: int, version: int, body: Body) -> Opened | None:
        """See Protection."""
        sealed, tag = body, b""
        if self._encrypt_then_mac:
            if len(body) < self._size:
                return None
            sealed, tag = body[: -self._size], bytes(body[-self._size :])
        block = self._block
        if len(sealed) < block or len(sealed) % block or not (self._explicit or self._chain):
            return None
        if self._encrypt_then_mac and tag != self._mac_of(kind, version, sealed):
            return None
        padded = self._decrypt(sealed if self._explicit else self._chain + sealed)[block:]
        padding = padded[-1] + 1 if padded else 0
        content = padded[: len(padded) - padding]
        if not padding or padded[len(content) :] != bytes([padding - 1]) * padding:
            return None
        if not self._encrypt_then_mac:
            if len(content) < self._size:
                return None
            content, tag = content[: -self._size], content[-self._size :]
            if tag != self._mac_of(kind, version, content):
                return None
        self.pass_by(body)
        self.sequence += 1
        return kind, block if self._explicit else 0, content

    def lose(self) -> None:
        """See Protection."""
        self._chain = b""

    def pass_by(self, body: Body) -> None:
        """See Protection."""
        sealed = body[: -self._size] if self._encrypt_then_mac else body
        if not self._explicit and len(sealed) >= self._block:
            self._chain = bytes(sealed[-self._block :])

    def _mac_of(self, kind: int, version: int, content: Body) -> bytes:
        running = self._mac.copy()
        running.update(NUMBERED(self.sequence, kind, version, len(content)))
        running.update(content)
        return running.finalize()


def protection(
    keys: DirectionKeys, suite: SuiteKeys, version: int, *, encrypt_then_mac: bool = False
) -> Protection:
    """Return what opens the records of one direction in TLS 1.0 to 1.2."""
    if suite.mac is not None:
        return Cbc(keys, suite, version, encrypt_then_mac)
    if suite.kind is Kind.CHACHA20:
        return ChaCha20(keys, suite)
    return ExplicitNonce(keys, suite)


def is_possible(suite: SuiteKeys, version: int) -> bool:
    """Return whether a suite exists in a version before TLS 1.3.

    RFC 5246 1.2 and RFC 5288 4: ciphers that authenticate by themselves, and MACs of SHA-256
    and SHA-384, came with TLS 1.2. OpenSSL and GnuTLS take some of the latter in TLS 1.0.
    """
    return version >= TLS_1_2 or suite.mac is not None


def aead(key: bytes, suite: SuiteKeys) -> AESGCM | AESCCM | ChaCha20Poly1305:
    """Return a cipher that authenticates by itself."""
    if suite.kind is Kind.CHACHA20:
        return ChaCha20Poly1305(key)
    if suite.kind is Kind.CCM:
        return AESCCM(key, tag_length=suite.tag_bytes)
    return AESGCM(key)


def blocks_of(key: bytes) -> Callable[[memoryview, memoryview], int]:
    """Return what encrypts blocks of AES, each by itself: for counters, never for content."""
    return Cipher(AES(key), modes.ECB()).encryptor().update_into


def block_cipher(key: bytes, suite: SuiteKeys, vector: bytes = b"") -> Cipher[modes.CBC]:
    """Return a block cipher; without a vector what comes out first means nothing."""
    return Cipher(_BLOCK_CIPHERS[suite.kind](key), modes.CBC(vector or bytes(suite.iv_bytes)))
