"""AES-GCM bit by bit (NIST SP 800-38D), and records that the package cryptography seals with it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from analyzer.tls.records import APPLICATION_DATA, RECORD, WHOLE_RECORD

VERSION = 0x0303


def product(x: int, y: int) -> int:
    """Return x * y (6.3, algorithm 1): blocks as numbers, whose highest bit comes first."""
    z, v = 0, y
    for place in range(127, -1, -1):
        if x >> place & 1:
            z ^= v
        v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
    return z


def ghash(key: bytes, data: bytes) -> bytes:
    """Return GHASH (6.4) of whole blocks."""
    h, y = int.from_bytes(key, "big"), 0
    for at in range(0, len(data), 16):
        y = product(y ^ int.from_bytes(data[at : at + 16], "big"), h)
    return y.to_bytes(16, "big")


def padded(data: bytes) -> bytes:
    """Return data with zeros up to a whole block."""
    return data + bytes(-len(data) % 16)


def hashed(key: bytes, head: bytes, data: bytes) -> bytes:
    """Return GHASH of additional data, data and their lengths (7.1, step 5)."""
    lengths = struct.pack(">QQ", 8 * len(head), 8 * len(data))
    return ghash(key, padded(head) + padded(data) + lengths)


@dataclass
class Keys:
    """One direction's keys; `explicit` is 8 in TLS 1.2, where records bring most of a nonce."""

    key: bytes
    nonce: bytes  # 12 bytes; of TLS 1.2 only the first 4 count
    explicit: int = 0
    first: int = 0
    """Number of the first record."""

    def numbers(self) -> tuple[int, int, int, int]:
        """Return the fields of GROUP."""
        known = self.nonce[:4] + bytes(8) if self.explicit else self.nonce
        high, low = struct.unpack(">QI", known)
        return high, low, self.first, self.explicit

    def encrypted(self, blocks: bytes) -> bytes:
        """Return blocks of AES, each by itself."""
        return Cipher(algorithms.AES(self.key), modes.ECB()).encryptor().update(blocks)

    def _nonce_and_head(self, number: int, brought: bytes, body_bytes: int) -> tuple[bytes, bytes]:
        if self.explicit:
            size = body_bytes - 8 - 16
            head = struct.pack(">QBHH", number, APPLICATION_DATA, VERSION, size)
            return self.nonce[:4] + brought, head
        mixed = int.from_bytes(self.nonce, "big") ^ number
        return mixed.to_bytes(12, "big"), struct.pack(">BHH", 23, VERSION, body_bytes)

    def seal(self, number: int, content: bytes, kind: int = 23, padding: int = 0) -> bytes:
        """Return the body of a record (RFC 8446 5.2, RFC 5288 3)."""
        brought = struct.pack(">Q", number * 0x9E3779B97F4A7C15 % 2**64) if self.explicit else b""
        inner = content if self.explicit else content + bytes([kind]) + bytes(padding)
        nonce, head = self._nonce_and_head(number, brought, len(brought) + len(inner) + 16)
        return brought + AESGCM(self.key).encrypt(nonce, inner, head)

    def opened(self, number: int, body: bytes) -> bytes | None:
        """Return the application data in a record; None if it has none, or is not that record."""
        if len(body) < self.explicit + 16:
            return None
        brought = body[: self.explicit]
        nonce, head = self._nonce_and_head(number, brought, len(body))
        try:
            inner = AESGCM(self.key).decrypt(nonce, body[self.explicit :], head)
        except InvalidTag:
            return None
        if self.explicit:
            return inner
        inner = inner.rstrip(b"\0")
        return inner[:-1] if inner[-1:] == b"\x17" else None


@dataclass
class Cut:
    """Records as they are cut from the stream, in one buffer."""

    directions: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    changes: dict[int, dict[str, int]] = field(default_factory=dict)
    """Fields of records that are not as usual."""

    def add(self, direction: int, body: bytes, **changes: int) -> None:
        """Add a record."""
        self.changes[len(self.bodies)] = changes
        self.directions.append(direction)
        self.bodies.append(body)

    def arrays(self):
        """Return the records, dtype RECORD, and their buffer."""
        found = np.zeros(len(self.bodies), RECORD)
        at = 3
        for place, body in enumerate(self.bodies):
            found[place]["start"], found[place]["length"] = at, len(body)
            at += len(body) + 5
            for name, value in self.changes[place].items():
                found[place][name] = value
        found["direction"] = self.directions
        usual = {"type": APPLICATION_DATA, "version": VERSION, "fate": WHOLE_RECORD}
        for name, value in usual.items():
            for place in range(len(found)):
                if name not in self.changes[place]:
                    found[place][name] = value
        data = np.zeros(at, np.uint8)
        for place, body in enumerate(self.bodies):
            start = int(found[place]["start"])
            if start >= 0:
                data[start : start + len(body)] = np.frombuffer(body, np.uint8)
        return found, data

    def opened(self, keys: dict[int, Keys]) -> dict[int, bytes]:
        """Return what records hold that may be opened together, one by one and in order."""
        found, _ = self.arrays()
        numbers = {direction: each.first for direction, each in keys.items()}
        over: set[int] = set()
        contents: dict[int, bytes] = {}
        for place, (direction, body) in enumerate(zip(self.directions, self.bodies, strict=True)):
            row = found[place]
            usual = row["type"] == APPLICATION_DATA and row["fate"] == WHOLE_RECORD
            content = None
            if usual and row["start"] >= 0 and direction in keys and direction >> 1 not in over:
                content = keys[direction].opened(numbers[direction], body)
            if content is None:
                over.add(direction >> 1)
            else:
                numbers[direction] += 1
                contents[place] = content
        return contents
