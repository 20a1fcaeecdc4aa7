"""Packed bytes through memory of two ends: in order, whole, and none of them written over."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import IO, NamedTuple

import pytest

from analyzer.jobs import slots
from analyzer.jobs.slots import SLOTS, SlotReader, SlotWriter, new_memory

SLOT_BYTES = 1024


class Ends(NamedTuple):
    """The two ends, in one process, and what is between them."""

    writer: SlotWriter
    reader: SlotReader
    pipe: IO[bytes]
    free: IO[bytes]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    monkeypatch.setattr(slots, "SLOT_BYTES", SLOT_BYTES)
    memory = new_memory()
    assert len(memory) == SLOTS * SLOT_BYTES
    numbers = (*os.pipe(), *os.pipe())
    reads, writes, freed, frees = (
        os.fdopen(number, mode) for number, mode in zip(numbers, ("rb", "wb") * 2, strict=True)
    )
    writer, reader = SlotWriter(memory, writes, freed), SlotReader(memory, reads, frees)
    yield Ends(writer, reader, writes, frees)
    for file in (reads, writes, freed, frees):
        file.close()


def read(reader: SlotReader) -> bytes | None:
    packed = reader.read()
    return None if packed is None else bytes(packed)


@pytest.mark.parametrize("size", [0, 1, SLOT_BYTES - 1, SLOT_BYTES, SLOT_BYTES + 1, 5000])
def test_what_is_written_is_read_whatever_its_size(ends: Ends, size: int) -> None:
    sent = bytes(number % 251 for number in range(size))
    for _ in range(3 * SLOTS):
        ends.writer.write(sent[: size // 3], memoryview(sent)[size // 3 :])
        assert read(ends.reader) == sent


def test_what_was_read_stays_when_its_slot_is_used_again(ends: Ends) -> None:
    taken = []
    for number in range(3 * SLOTS):
        ends.writer.write(bytes([number]) * 100)
        packed = ends.reader.read()
        assert packed is not None
        packed[0] = 255  # it is the reader's, and may be changed
        taken.append(packed)
    assert [bytes(each) for each in taken] == [
        b"\xff" + bytes([number]) * 99 for number in range(3 * SLOTS)
    ]


def test_who_writes_waits_for_a_slot_and_never_takes_one_that_was_not_read(ends: Ends) -> None:
    count = 50 * SLOTS

    def write() -> None:
        for number in range(count):
            ends.writer.write(number.to_bytes(4, "little") * 200)

    thread = threading.Thread(target=write)
    thread.start()
    for number in range(count):
        assert read(ends.reader) == number.to_bytes(4, "little") * 200
    thread.join()


def test_a_reader_that_is_gone_is_told(ends: Ends) -> None:
    ends.free.close()
    for _ in range(SLOTS):
        ends.writer.write(b"one")
    with pytest.raises(BrokenPipeError):
        ends.writer.write(b"more")


def test_a_writer_that_is_gone_is_the_end(ends: Ends) -> None:
    ends.writer.write(b"one")
    ends.writer.write(b"large" * 1000)
    ends.pipe.close()
    assert read(ends.reader) == b"one"
    assert read(ends.reader) == b"large" * 1000
    assert read(ends.reader) is None
