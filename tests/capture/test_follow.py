"""Captures that are still being written: pipes, growing files, rotation."""

import gzip
import io
import os
import threading
from pathlib import Path

import pytest
from oracle import captures

from analyzer.capture.follow import Followed, Piped
from analyzer.capture.source import open_capture
from analyzer.errors import CaptureAccessError, NotACaptureError
from analyzer.options import Options

SECOND = 10**9
CAPTURES = Path(__file__).parents[2] / "captures"


def times(batches):
    return [packet.time // SECOND for packet in captures.packets_of(batches)]


def numbers(batches):
    return [int(number) for batch in batches for number in batch.rows["packet"]]


def rest(source):
    """What is left when the end is asked for."""
    source.stop()
    batches = []
    while (batch := source.read(0.0)) is not None:
        batches.append(batch)
    source.close()
    return batches


def file(*seconds):
    return captures.pcap([(t * SECOND, b"payload %d" % t, 60) for t in seconds])


def ng(*seconds):
    head = captures.section() + captures.interface(113, resolution=0)
    return head + b"".join(captures.enhanced(t, b"payload %d" % t, 60) for t in seconds)


def ids(batches):
    return [finding.kind.id for batch in batches for finding in batch.findings]


# --- a growing file --------------------------------------------------------------------


@pytest.mark.parametrize("content", [file(1, 2, 3), ng(1, 2, 3)])
def test_a_file_written_byte_by_byte(tmp_path, content):
    path = tmp_path / "growing"
    path.write_bytes(b"")
    source = Followed(path, Options())
    batches = []
    with path.open("ab", buffering=0) as writer:
        for byte in content:
            batches.append(source.read(0.0))
            writer.write(bytes([byte]))
    batches += rest(source)
    assert times(batches) == [1, 2, 3]
    assert ids(batches) == []
    stats = source.stats()
    assert (stats.received, stats.dropped, stats.analysed, stats.interface_up) == (3, 0, 3, True)


def test_what_stands_there_is_read_at_once_and_a_cut_record_told_at_the_end(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(file(1, 2, 3)[:-4])
    source = Followed(path, Options())
    assert times([source.read(0.0)]) == [1, 2]
    assert source.read(0.0).findings == []
    assert ids(rest(source)) == ["capture-cut"]


def test_rotation_by_name(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(file(1, 2)[:-3])
    source = Followed(path, Options())
    batches = [source.read(0.0)]
    with path.open("ab") as late:
        path.rename(tmp_path / "a.1")
        batches.append(source.read(0.0))  # there is none of the name now
        late.write(file(1, 2)[-3:])
    path.write_bytes(ng(5, 6))
    for _ in range(4):
        batches.append(source.read(0.0))  # noqa: PERF401
    batches += rest(source)
    assert times(batches) == [1, 2, 5, 6]
    assert numbers(batches) == [1, 2, 3, 4]
    assert ids(batches) == ["capture-replaced"]


def test_cut_and_written_anew(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(file(1, 2, 3))
    source = Followed(path, Options())
    batches = [source.read(0.0)]
    path.write_bytes(file(7))
    batches += [source.read(0.0), source.read(0.0), *rest(source)]
    assert times(batches) == [1, 2, 3, 7]
    assert ids(batches) == ["capture-replaced"]


def test_a_successor_that_is_no_capture(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(file(1))
    source = Followed(path, Options())
    batches = [source.read(0.0)]
    (tmp_path / "b").write_bytes(b"what a day, what a lovely day")
    (tmp_path / "b").rename(path)
    batches += [source.read(0.0) for _ in range(3)]
    (tmp_path / "c").write_bytes(file(9))
    (tmp_path / "c").rename(path)
    batches += [source.read(0.0) for _ in range(3)]
    batches += rest(source)
    assert times(batches) == [1, 9]
    assert ids(batches) == ["capture-replaced", "capture-unreadable", "capture-replaced"]


def test_a_successor_that_may_not_be_read_is_said_once(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(file(1))
    source = Followed(path, Options())
    batches = [source.read(0.0)]
    (tmp_path / "b").write_bytes(file(2))
    (tmp_path / "b").rename(path)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        batches += [source.read(0.0) for _ in range(3)]
    batches += [source.read(0.0), source.read(0.0), *rest(source)]
    assert times(batches) == [1, 2]
    assert ids(batches) == ["capture-unreadable", "capture-replaced"]


def test_no_file_no_capture_compressed(tmp_path):
    with pytest.raises(CaptureAccessError, match="No such file"):
        Followed(tmp_path / "missing", Options())
    (tmp_path / "text").write_text("twenty-four bytes and more")
    refused(Followed(tmp_path / "text", Options()), "text")
    (tmp_path / "packed").write_bytes(gzip.compress(os.urandom(99)))
    refused(Followed(tmp_path / "packed", Options()), "compressed, which cannot be followed")


def refused(source, why):
    with pytest.raises(NotACaptureError, match=why):
        source.read(0.0)
    source.close()


# --- a pipe ----------------------------------------------------------------------------


def test_a_pipe_gives_what_is_there():
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stdin, os.fdopen(writer, "wb", buffering=0) as pipe:
        source = Piped(Options(), stdin)
        assert len(source.read(0.0).rows) == 0
        content = file(1, 2, 3)
        pipe.write(content[:70])
        assert times([source.read(1.0)]) == [1]
        assert len(source.read(0.0).rows) == 0
        pipe.write(content[70:])
        assert times([source.read(1.0)]) == [2, 3]
        assert rest(source) != []


def test_what_the_writer_says_after_the_stop_is_read():
    reader, writer = os.pipe()
    content = file(1, 2, 3)
    with os.fdopen(reader, "rb") as stdin:
        source = Piped(Options(), stdin)
        os.write(writer, content[:70])
        batches = [source.read(1.0)]
        source.stop()
        os.write(writer, content[70:])
        os.close(writer)
        assert times([*batches, *rest(source)]) == [1, 2, 3]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["tomcat-chat.pcap", "nginx-proxy.pcapng"])
def test_a_whole_file_is_what_the_source_of_files_reads(tmp_path, name, pack):
    path = tmp_path / "packed"
    path.write_bytes(pack((CAPTURES / name).read_bytes()))
    reader, writer = os.pipe()

    def feed():
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(path.read_bytes())

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(reader, "rb") as stdin, path.open("rb") as plain:
        for source in (Piped(Options(), stdin), Piped(Options(batch_bytes=999), plain)):
            batches = []
            while (batch := source.read(5.0)) is not None:
                batches.append(batch)
            expected = list(open_capture(path))
            assert captures.packets_of(batches) == captures.packets_of(expected)
            assert captures.findings_of(batches) == captures.findings_of(expected)
    feeder.join()


def test_a_cut_of_the_compression_is_told_once():
    packed = gzip.compress(file(*range(50)))[:-30]
    source = Piped(Options(), io.BufferedReader(io.BytesIO(packed)))
    batches = []
    while (batch := source.read(0.0)) is not None:
        batches.append(batch)
    assert ids(batches) == ["capture-cut"]


def test_standard_input_that_is_no_capture(tmp_path):
    path = tmp_path / "a"
    path.write_text("no capture, but words")
    with path.open("rb") as stdin, pytest.raises(NotACaptureError, match="standard input"):
        Piped(Options(), stdin).read(0.0)
