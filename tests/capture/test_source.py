"""Files, directories and pipes as one capture."""

import gzip
import io
import os
import threading

import pytest
import zstandard
from oracle import captures

from analyzer.capture.source import open_capture
from analyzer.errors import CaptureAccessError, NotACaptureError
from analyzer.options import Options

SECOND = 10**9


def packets(*times):
    return [(t * SECOND, b"payload %d" % t, 60) for t in times]


ONE = captures.pcap(packets(1, 4, 9))


def ng(*times):
    file = captures.section() + captures.interface(113, resolution=0)
    return file + b"".join(captures.enhanced(t, b"payload %d" % t, 60) for t in times)


@pytest.fixture
def save(tmp_path):
    def save(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return save


def read(paths, options=None, stdin=None):
    batches = list(open_capture(paths, options or Options(), stdin))
    found = captures.packets_of(batches)
    return [p.time and p.time // SECOND for p in found], captures.findings_of(batches)


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, lambda data: zstandard.ZstdCompressor().compress(data)]
)
@pytest.mark.parametrize("content", [ONE, ng(1, 4, 9)])
def test_formats_are_told_by_content(save, pack, content):
    path = save("misleading.txt", pack(content))
    assert read(path) == ([1, 4, 9], [])
    assert read(str(path), Options(batch_bytes=7)) == ([1, 4, 9], [])


def test_progress(save):
    packed = gzip.compress(ONE)
    source = open_capture([save("a", packed), save("b", ng(10))])
    assert source.bytes_total == len(packed) + len(ng(10))
    seen = [source.bytes_read for _ in source]
    assert seen == sorted(seen)
    assert seen[-1] == source.bytes_read == source.bytes_total


def test_files_come_in_time_order_and_numbers_run_on(save):
    paths = [save("a", ng(7, 8)), save("b", captures.pcap([])), save("c", ONE), save("d", ng(3))]
    source = open_capture([*paths, paths[0]])
    assert [os.path.basename(name) for name in source.names] == ["c", "d", "a", "b"]
    assert read(paths) == ([1, 4, 9, 3, 7, 8], [])


def test_files_without_times_come_last(save):
    simple = captures.section() + captures.interface() + captures.simple(b"a")
    times, findings = read([save("a", simple), save("b", ONE)])
    assert times == [1, 4, 9, None]
    assert [id_ for id_, _ in findings] == ["capture-no-time"]


def test_only_the_head_is_read_for_the_order(save):
    big = captures.pcap([(0, bytes(50_000), 50_000)] * 100)
    source = open_capture([save("a", big), save("b", ONE)])
    assert source.bytes_read == 0
    assert len(source.names) == 2


def test_a_directory_gives_its_captures_and_names_the_rest(save, tmp_path):
    save("a.pcap", ONE)
    save("notes.txt", b"hello\n")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "b.pcap").write_bytes(ONE)
    times, findings = read(tmp_path)
    assert times == [1, 4, 9]
    assert [id_ for id_, _ in findings] == ["capture-unreadable"]
    assert "notes.txt is not a capture: it looks like text" in findings[0][1]


def test_a_directory_without_captures_is_an_error(save, tmp_path):
    with pytest.raises(CaptureAccessError, match="holds no files"):
        open_capture(tmp_path)
    save("notes.txt", b"hello\n")
    with pytest.raises(CaptureAccessError, match="holds no captures"):
        open_capture(tmp_path)


def test_a_missing_file_is_an_error_before_anything_is_read(save, tmp_path):
    with pytest.raises(CaptureAccessError, match="No such file"):
        open_capture([save("a", ONE), tmp_path / "missing"])
    with pytest.raises(CaptureAccessError):
        open_capture("with\0zero")
    with pytest.raises(CaptureAccessError, match="No capture"):
        open_capture([])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission_for_real(save):
    path = save("a", ONE)
    path.chmod(0)
    with pytest.raises(CaptureAccessError, match="Permission denied"):
        open_capture(path)


def test_no_permission(save, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    path = save("a", ONE)
    monkeypatch.setattr("analyzer.capture.streams.FileStream.open", refuse)
    with pytest.raises(CaptureAccessError, match="Permission denied") as error:
        open_capture(path)
    assert "permission" in error.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"hello", gzip.compress(b"hello", mtime=0), b"\x1f\x8b\xff\xff"]
)
def test_a_file_that_is_no_capture(save, content):
    path = save("a", content)
    with pytest.raises(NotACaptureError, match="a"):
        open_capture(path)
    # Beside others it costs a finding only.
    times, findings = read([path, save("b", ONE)])
    assert times == [1, 4, 9]
    assert [id_ for id_, _ in findings] == ["capture-unreadable"]


def test_a_head_that_turns_out_bad(save):
    bad = save("bad", captures.pcap([], version=(1, 0)))
    with pytest.raises(NotACaptureError, match=r"1\.0"):
        list(open_capture(bad))
    times, findings = read([save("good", ONE), bad])
    assert times == [1, 4, 9]
    assert [id_ for id_, _ in findings] == ["capture-unreadable"]


def test_a_file_that_vanishes_is_a_finding(save):
    paths = [save("a", ONE), save("b", ng(20))]
    source = open_capture(paths)
    paths[1].unlink()
    batches = list(source)
    assert len(captures.packets_of(batches)) == 3
    assert [id_ for id_, _ in captures.findings_of(batches)] == ["capture-unreadable"]


def test_damage_in_one_file_keeps_the_others(save):
    cut = save("cut", ONE[:-3])
    times, findings = read([cut, save("b", ng(20, 21))])
    assert times == [1, 4, 20, 21]
    assert [id_ for id_, _ in findings] == ["capture-cut"]
    assert "cut: at byte" in findings[0][1]


def test_a_cut_gzip_is_told_once(save):
    many = captures.pcap([(i * SECOND, os.urandom(50), 50) for i in range(100)])
    times, findings = read(save("a", gzip.compress(many)[:-1000]))
    assert times == list(range(len(times)))
    assert 50 < len(times) < 100
    assert findings == [("capture-cut", "the gzip data are incomplete")]


def test_empty_captures(save):
    empty = save("a", captures.pcap([]))
    assert read(empty) == ([], [("capture-empty", "")])
    assert read([empty, save("b", captures.pcap([]))]) == ([], [("capture-empty", "")])


def test_standard_input(save):
    assert read("-", stdin=io.BytesIO(gzip.compress(ONE))) == ([1, 4, 9], [])
    with save("a", ONE).open("rb") as file:
        source = open_capture("-", stdin=file)
        assert source.bytes_total == len(ONE)
        assert len(captures.packets_of(source)) == 3
        assert not file.closed
    with pytest.raises(NotACaptureError, match="standard input is empty"):
        open_capture("-", stdin=io.BytesIO())


@pytest.mark.parametrize("name", ["-", "fifo"])
def test_a_pipe_gives_packets_as_they_come(tmp_path, name):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    held = threading.Event()

    def write():
        with fifo.open("wb", buffering=0) as pipe:
            pipe.write(ONE[:60])
            assert held.wait(120)
            pipe.write(ONE[60:])

    writer = threading.Thread(target=write)
    writer.start()
    stdin = fifo.open("rb") if name == "-" else None
    source = open_capture("-" if stdin else fifo, stdin=stdin)
    assert source.bytes_total is None
    batches = iter(source)
    first = next(batch for batch in batches if len(batch.rows))
    # The writer still waits.
    assert len(first.rows) == 1
    held.set()
    assert len(captures.packets_of([first, *batches])) == 3
    writer.join()
    if stdin:
        stdin.close()


def test_secrets_are_collected(save):
    log = b"CLIENT_RANDOM aa bb"
    secret = captures.block(10, (0x544C534B).to_bytes(4, "little") + bytes([19, 0, 0, 0]) + log)
    source = open_capture(save("a", ng(1) + secret))
    assert sum(len(batch.rows) for batch in source) == 1
    assert source.secrets == [log]


def test_close_before_reading(save):
    source = open_capture(save("a", ONE))
    source.close()
    assert source.bytes_read == 0


def test_behind_damage_no_fault_of_the_compression_is_told():
    """How far ahead of the damage bytes are taken depends on the size of a batch."""
    packed = bytearray(gzip.compress(ONE + b"\xff" * 64 + bytes(100), mtime=0))
    packed[-8] ^= 1  # the CRC of the whole
    found = [
        [finding.kind.id for batch in source for finding in batch.findings]
        for size in (64, 1 << 20)
        for source in [open_capture("-", Options(batch_bytes=size), stdin=io.BytesIO(packed))]
    ]
    assert found == [["capture-damaged"], ["capture-damaged"]]
