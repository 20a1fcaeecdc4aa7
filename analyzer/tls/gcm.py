"""What the kernel that opens many short records of AES-GCM shares with who calls it.

Knows sizes (NIST SP 800-38D, RFC 8446 5.2, RFC 5288 3) and dtypes. Used by tls._ghash,
tls._gcm and tls.ahead.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from analyzer.columns import row_dtype

BLOCK: Final = 16
"""Bytes of a block of AES, and of a tag."""
TABLE_WORDS: Final = 512
"""Words of 64 bits in the table of a hash key: its product with each value of a byte."""

LEAST_RECORDS: Final = 3
"""Records of a direction in a batch from which on they are opened together: below that, what
must be set up for a direction (about 1 us each time, 3 us and 1 KiB once) costs more than it
saves."""
MOST_BYTES: Final = 768
"""Bytes of a record's body up to which the kernel opens it. It takes 1.5 ns a byte, where the
library takes 0.1 ns, and half a microsecond for each call, beside as much for its arguments."""
MOST_BLOCKS: Final = 1 << 16
"""Blocks of key stream at a time: 1 MiB, or as much of records that the library opens."""

GROUP = row_dtype(
    [
        ("high", "<u8"),  # the nonce without the record's number: its first 8 bytes, as a number
        ("low", "<u8"),  # and its last 4; of TLS 1.2 only the first 4 are known, the others 0
        ("sequence", "<u8"),  # number of the next record
        ("begin", "<i8"),  # its first block of key stream
        ("blocks", "<i4"),  # how many it has
        ("explicit", "<i4"),  # bytes of the nonce that each record brings: 0, or 8 (TLS 1.2)
        ("head", "<i4"),  # its first and last entry; -1
        ("tail", "<i4"),
        ("count", "<i4"),  # entries
        ("opened", "<i4"),  # records that were
        ("direction", "<i4"),
    ]
)
"""The records of one direction that are under one set of keys."""

ENTRY = row_dtype(
    [
        ("place", "<i8"),  # its first block of key stream
        ("record", "<i4"),
        ("group", "<i4"),
        ("next", "<i4"),  # entry of the same group; -1
        ("order", "<i4"),  # how many of the group come before it
        ("content", "<i4"),  # bytes it holds; -1 where it cannot be opened
        ("large", "<i4"),  # 1: the library opens it
    ]
)
"""One record that may be opened."""


def big(data: Any, at: int) -> int:
    """Return 8 bytes as a number, the first one the highest."""
    return int.from_bytes(bytes(data[at : at + 8]), "big")


def put(data: Any, at: int, word: int) -> None:
    """Write such a number."""
    data[at : at + 8] = np.frombuffer(int(word).to_bytes(8, "big"), np.uint8)
