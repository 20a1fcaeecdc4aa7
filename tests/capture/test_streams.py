"""Files, pipes and decompression."""

import gzip
import io
import os
import random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.capture.streams import FileStream, GzipStream, ZstdStream, decompressed

CONTENT = random.Random(5).randbytes(3000) * 40 + bytes(100_000)


def zstd(data):
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def stream(data):
    return decompressed(FileStream(io.BytesIO(data)), data[:24])


def drain(source, size=50_000):
    room, found = bytearray(size), b""
    while count := source.readinto(memoryview(room)):
        found += room[:count]
    return found


@pytest.mark.parametrize("size", [10, 777, 10**6])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_any_size_of_room(pack, size):
    packed = pack(CONTENT)
    assert len(packed) > 1000
    source = stream(packed)
    assert drain(source, size) == CONTENT
    assert source.fault is None


def test_kinds():
    assert type(stream(gzip.compress(b""))) is GzipStream
    assert type(stream(zstd(b""))) is ZstdStream
    assert type(stream(b"abc")) is FileStream


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_several_parts_follow_each_other(pack):
    source = stream(pack(b"one") + pack(b"") + pack(b"two") + pack(CONTENT))
    assert drain(source) == b"onetwo" + CONTENT
    assert source.fault is None


def test_zeros_behind_gzip_are_padding():
    source = stream(gzip.compress(CONTENT) + bytes(100_000))
    assert drain(source) == CONTENT
    assert source.fault is None


@pytest.mark.parametrize("garbage", [b"x", b"garbage" * 10_000])
@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_garbage_behind_the_end_is_a_fault_that_loses_nothing(pack, garbage):
    source = stream(pack(CONTENT) + garbage)
    assert drain(source) == CONTENT
    assert source.fault.kind.id == "capture-damaged"
    assert "other bytes follow" in source.fault.detail


@pytest.mark.parametrize("left", [3, 12, -1, -5])
@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_cut_is_a_fault_and_keeps_what_came_before(pack, left):
    source = stream(pack(b"before") + pack(CONTENT)[:left])
    found = drain(source)
    assert found.startswith(b"before")
    assert (b"before" + CONTENT).startswith(found)
    assert source.fault is not None


def test_a_wrong_checksum_keeps_all_of_a_gzip_member():
    packed = bytearray(gzip.compress(CONTENT))
    packed[-8] ^= 1
    source = stream(bytes(packed))
    assert drain(source) == CONTENT
    assert source.fault.kind.id == "capture-damaged"


def test_a_damaged_byte_keeps_what_came_before():
    packed = bytearray(gzip.compress(random.Random(6).randbytes(200_000)))
    packed[100_000:100_010] = b"\xff" * 10
    assert drain(stream(bytes(packed)))[:90_000] == random.Random(6).randbytes(200_000)[:90_000]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_bomb_comes_in_pieces(pack):
    source = stream(pack(bytes(80_000_000)))
    room = bytearray(1000)
    for _ in range(50):
        assert source.readinto(memoryview(room)) == 1000
    # 2 KiB of zstd are at most 64 MiB, gzip keeps to the room given.
    assert len(source._output) <= 64 * 2**20


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([gzip.compress, zstd]), st.integers(0, 400), st.binary(min_size=1, max_size=9)
)
def test_mutations_never_raise(pack, at, mutation):
    packed = pack(random.Random(7).randbytes(300))
    mutated = packed[:at] + mutation + packed[at + len(mutation) :]
    kind = {gzip.compress: GzipStream, zstd: ZstdStream}[pack]
    source = kind(FileStream(io.BytesIO(mutated)))
    found = drain(source)
    assert source.fault is not None or found == random.Random(7).randbytes(300)


def test_peek_takes_nothing():
    source = FileStream(io.BytesIO(b"abcdef"))
    assert source.peek(4) == b"abcd"
    assert source.peek(2) == b"ab"
    assert source.peek(99) == b"abcdef"
    assert source.read(3) + source.read(99) == b"abcdef"
    assert source.taken == 6


def test_a_pipe_gives_what_there_is_without_waiting_for_more():
    reading, writing = os.pipe()
    with open(reading, "rb") as file:
        source = FileStream(file)
        assert source.size is None
        os.write(writing, b"abc")
        assert source.read(100) == b"abc"
        os.write(writing, b"d")
        os.write(writing, b"e")
        assert source.read(100) == b"de"
        os.close(writing)
        assert source.read(100) == b""


def test_a_read_error_is_a_fault(tmp_path):
    class Broken(io.RawIOBase):
        def readinto(self, room):
            raise OSError(5, "Input/output error")

    source = FileStream(Broken())
    assert source.read(5) == b""
    assert source.fault.detail == "reading failed: Input/output error"


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_compressed_file_fills_the_room(tmp_path, pack):
    (tmp_path / "x").write_bytes(pack(CONTENT) + pack(b"end"))
    file = FileStream.open(tmp_path / "x")
    source = decompressed(file, file.peek(24))
    room = bytearray(len(CONTENT))
    assert source.readinto(memoryview(room)) == len(CONTENT)
    assert room == CONTENT
    assert source.read(99) == b"end"
    assert source.read(99) == b""
    source.close()
