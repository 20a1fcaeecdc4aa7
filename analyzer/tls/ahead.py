"""Opens short records of AES-GCM together, ahead of others of their batch.

Most records of a session are application data under keys that are in use already, one after the
other, and change nothing. They are opened here, as far as each connection's records are such;
tls.unwrapping takes the others one by one. Knows which directions have enough of them, and calls
the ciphers of the package cryptography. Must not know sessions or rows; the kernel is tls._gcm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import Rows
from analyzer.tls._gcm import GcmRun
from analyzer.tls.records import APPLICATION_DATA, OPENED_RECORD

if TYPE_CHECKING:
    from analyzer.tls.protection import Blocks, Protection

Places = npt.NDArray[np.intp]
"""Numbers of records."""

FIRST_TURN: Final = 64
"""Records that are opened one by one, at most, before it is tried again whether the others can be
opened together: a handshake may have made keys. The next turn is twice as long, so that it is
tried a few times only in a batch in which nothing can."""


class Ahead:
    """Opens what it can of one batch at a time."""

    def __init__(self) -> None:
        self._run = GcmRun()

    def turns(
        self, found: Rows, data: Any, protection_of: Callable[[int], Protection | None]
    ) -> Iterator[Places]:
        """Open records together, and yield in between, in order, which to open one by one.

        A record is opened together with others only where all before it of its connection were
        opened: what others mean, and what follows from that, is left to the caller.

        Args:
            found: dtype RECORD, as they were cut; takes fate, content, skip of what was opened.
            data: uint8, their buffer; takes the content.
            protection_of: returns what opens the records of a direction; None where something
                else than opening them may have to be done.
        """
        begin, turn = 0, FIRST_TURN
        while True:
            self._open(found[begin:], data, protection_of)
            rest = np.flatnonzero(found["fate"][begin:] != OPENED_RECORD) + begin
            if len(rest):
                yield rest[:turn]
            if len(rest) <= turn:
                return
            begin, turn = int(rest[turn]), 2 * turn

    def _open(
        self, found: Rows, data: Any, protection_of: Callable[[int], Protection | None]
    ) -> None:
        """Open records together."""
        used: list[tuple[Protection, Blocks]] = []
        run = self._run
        for direction in run.begin(found, data):
            protection = protection_of(direction)
            blocks = None if protection is None else protection.blocks
            if protection is not None and blocks is not None:
                used.append((protection, blocks))
                run.add(direction, blocks.high, blocks.low, protection.sequence, blocks.explicit)
        at = 0 if used else len(found)
        while at < len(found):
            at = run.lay(at)
            plain, pads = (each.data for each in run.key_stream())
            for (_, blocks), (begin, end) in zip(used, run.bounds(), strict=True):
                if begin < end:
                    blocks.encrypt(plain[begin:end], pads[begin:])
            large = self._large(found, data, used)
            for (protection, _), count in zip(used, run.open(), strict=True):
                protection.sequence += count
            for record, skip, content in large:
                if found["fate"][record] == OPENED_RECORD:
                    start = int(found["start"][record]) + skip
                    data.data[start : start + len(content)] = content
        run.end()

    def _large(
        self, found: Rows, data: Any, used: list[tuple[Protection, Blocks]]
    ) -> list[tuple[int, int, bytes]]:
        """Return (record, bytes before its content, content) of what the kernel leaves."""
        contents: list[tuple[int, int, bytes]] = []
        for entry, record, group, before in self._run.large():
            protection, row = used[group][0], found[record]
            start, kind, version = int(row["start"]), int(row["type"]), int(row["version"])
            body = bytes(data.data[start : start + int(row["length"])])
            sequence = protection.sequence
            protection.sequence = sequence + before
            opened = protection.open(kind, version, body)
            protection.sequence = sequence
            if opened is not None and opened[0] == APPLICATION_DATA:
                _, skip, content = opened
                contents.append((record, skip, content))
                self._run.tell(entry, len(content))
        return contents
