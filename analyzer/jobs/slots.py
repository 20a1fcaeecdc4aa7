"""Packed objects from a child that was forked, through memory that both have.

A pipe holds half of what a batch of packets becomes, so that who writes waits for who reads; and it
is copied by the system twice. Here some batches lie between the two, and one side copies once.
Messages say where; what is larger than a slot goes through the pipe. Knows bytes. Must not know
what they mean. Used by shards.
"""

from __future__ import annotations

import mmap
import struct
from typing import IO, Final

from analyzer.jobs import wire
from analyzer.jobs.wire import Part

SLOTS: Final = 4
"""Enough for either side to go on while the other has a batch that takes longer."""
SLOT_BYTES: Final = 4 << 20
"""What a batch of options.batch_bytes (1 MiB) becomes: with its segments, or as frames and messages
of a hundred bytes each. Memory that is not used costs nothing."""
_PLACE: Final = struct.Struct("<BQQ")
_INLINE: Final = b"\0".ljust(wire.ALIGNED)
_IN_SLOT: Final = 1


def new_memory() -> mmap.mmap:
    """Return memory for a SlotWriter and a SlotReader, to be made before the fork.

    Raises:
        OSError: There is none.
    """
    return mmap.mmap(-1, SLOTS * SLOT_BYTES)


class SlotWriter:
    """The end that writes.

    Args:
        memory: of both ends.
        pipe: to the other end.
        free: says there which slots are free again.
    """

    def __init__(self, memory: mmap.mmap, pipe: IO[bytes], free: IO[bytes]) -> None:
        self._memory = memoryview(memory)
        self._pipe = pipe
        self._freed = free
        self._free = list(range(SLOTS))

    def write(self, *packed: Part) -> None:
        """Write packed bytes, in one or more parts; wait for room.

        Raises:
            BrokenPipeError: Nobody reads them any more.
        """
        size = sum(map(len, packed))
        if size > SLOT_BYTES:
            wire.write(self._pipe, _INLINE, *packed)
            return
        if not self._free:
            told = self._freed.read(1)
            if not told:
                raise BrokenPipeError
            self._free.append(told[0])
        slot = self._free.pop()
        at = slot * SLOT_BYTES
        for part in packed:
            self._memory[at : at + len(part)] = part
            at += len(part)
        wire.write(self._pipe, _PLACE.pack(_IN_SLOT, slot, size))


class SlotReader:
    """The end that reads.

    Args:
        memory: of both ends.
        pipe: from the other end.
        free: tells the other end which slots are free again.
    """

    def __init__(self, memory: mmap.mmap, pipe: IO[bytes], free: IO[bytes]) -> None:
        self._memory = memoryview(memory)
        self._pipe = pipe
        self._freed = free

    def read(self) -> memoryview | None:
        """Return the next packed bytes; None where the other end has closed, or is gone."""
        message = wire.read(self._pipe)
        if message is None:
            return None
        if message[0] != _IN_SLOT:
            return memoryview(message)[len(_INLINE) :]
        _, slot, size = _PLACE.unpack(message)
        begin = slot * SLOT_BYTES
        packed = bytearray(self._memory[begin : begin + size])
        try:
            self._freed.write(bytes((slot,)))
            self._freed.flush()
        except BrokenPipeError:
            pass  # it has written its last
        return memoryview(packed)
