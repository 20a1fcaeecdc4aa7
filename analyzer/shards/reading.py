"""Captures as segments, batch by batch: read here, or by a child of this process.

    capture -> packets -> segments of a batch, and how much was read

A child reads, decompresses and decodes headers while this process follows connections. Knows the
source and the packets stage. Must not know connections. Used by shards.worker.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import IO, Final

from analyzer.capture.records import BlankBatches, RecordBatch
from analyzer.capture.source import open_capture
from analyzer.errors import JobError
from analyzer.jobs import wire
from analyzer.jobs.forked import Forked, end
from analyzer.jobs.remote import END_S, how_it_ended
from analyzer.jobs.slots import SlotReader, SlotWriter, new_memory
from analyzer.jobs.wire import Part
from analyzer.lazy_dataclass import dataclass
from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder
from analyzer.packets.segments import SegmentBatch
from analyzer.shards.answers import (
    BATCH,
    BEGUN,
    DONE,
    FAILED,
    HINT,
    packed_error,
    unpacked_error,
)
from analyzer.shards.packing import Packer, Unpacker

Paths = Sequence[str | PathLike[str]]
Decoded = tuple[SegmentBatch, int]
"""Segments of a batch, and bytes of the input that were taken with it."""

_RECORDS: Final = ("findings", "secrets", "may_bring_keys", "figures")
_BATCH: Final = (
    *("packets", "wire_bytes", "not_tcp", "first_time", "last_time", "findings", "datagrams"),
)
"""Fields of the batches that are small."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known when the captures were opened.

    Attributes:
        names: of the inputs, in the order in which they are read.
        bytes_total: of them; None if one is a pipe.
    """

    names: list[str]
    bytes_total: int | None


def decoded(paths: Paths, options: Options) -> Iterator[Begun | Decoded]:
    """Yield what was begun, then the segments of each batch.

    Raises:
        CaptureError: the input cannot be read at all.
    """
    source = open_capture(paths, options)
    decoder, blank = PacketDecoder(options), BlankBatches()
    yield Begun([str(name) for name in source.names], source.bytes_total)
    for records in source:
        if not blank.has(records):
            yield decoder.push(records), source.bytes_read
    yield decoder.finish(), source.bytes_read


class Apart:
    """The same, by a child of this process, which has to have one thread; iterate once.

    A context manager, which ends the child.

    Args:
        paths: files or folders.
        options: limits.

    Raises:
        JobError: The system starts no process.
    """

    def __init__(self, paths: Paths, options: Options) -> None:
        memory = new_memory()

        def read(orders: IO[bytes], answers: IO[bytes]) -> None:
            _read(paths, options, SlotWriter(memory, answers, orders))

        try:
            self._process = Forked(read, stdin=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise JobError(f"cannot start a process: {reason}", hint=HINT) from error
        self._slots = SlotReader(memory, self._process.stdout, self._process.stdin)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process, END_S)

    def __iter__(self) -> Iterator[Begun | Decoded]:
        """Yield what was begun, then the segments of each batch.

        Raises:
            WsanalyzeError: The child raised it.
            JobError: The child failed, or died.
        """
        while (answer := self._slots.read()) is not None:
            kind, rest = answer[: wire.ALIGNED], answer[wire.ALIGNED :]
            if kind == BATCH:
                yield unpacked(rest)
            elif kind == DONE:
                return
            elif kind == BEGUN:
                yield pickle.loads(rest)
            else:
                raise unpacked_error(rest)
        raise JobError(f"a process that reads {how_it_ended(self._process.wait())}", hint=HINT)


def _read(paths: Paths, options: Options, slots: SlotWriter) -> None:
    """Read captures, and write what becomes of them."""
    try:
        for made in decoded(paths, options):
            if isinstance(made, Begun):
                slots.write(BEGUN, pickle.dumps(made))
            else:
                slots.write(BATCH, *packed(*made))
    except (BrokenPipeError, SystemExit):
        raise
    except BaseException as error:  # whatever it is, the analysis must hear of it
        slots.write(FAILED, packed_error(error))
    else:
        slots.write(DONE)


def packed(batch: SegmentBatch, read: int) -> list[Part]:
    """Return a batch in parts, for `unpacked`; each by itself, nothing goes on to the next."""
    records = batch.records
    return Packer().pack(
        (
            read,
            batch.rows,
            records.data[: records.used],
            [getattr(records, name) for name in _RECORDS],
            [getattr(batch, name) for name in _BATCH],
        )
    )


def unpacked(parts: bytearray | memoryview) -> Decoded:
    """Return the batch that was packed; its arrays are views of `parts`."""
    read, rows, data, of_records, of_batch = Unpacker().unpack(parts)
    small = dict(zip(_RECORDS, of_records, strict=True))
    records = RecordBatch(data=data, used=len(data), **small)
    return SegmentBatch(records, rows, **dict(zip(_BATCH, of_batch, strict=True))), read
