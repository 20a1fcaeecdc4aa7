"""Packet files: read back by the own reader, and by others."""

import errno
import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from oracle import captures

from analyzer.capture.keep import PacketFiles
from analyzer.capture.merging import LiveBatch
from analyzer.capture.source import open_capture
from analyzer.capture.stats import CaptureStats
from analyzer.errors import ReportError
from analyzer.options import Options

CAPTURES = Path(__file__).parents[2] / "captures"


def stats(received=0, dropped=0):
    return lambda: CaptureStats(received, dropped, received, True)


def kept(batches, path, names=("eth0",), counters=None, **limits):
    files = PacketFiles(path, names, counters or stats(), **limits)
    for batch in batches:
        files.keep(batch)
    files.close()
    return files


def packets(*paths):
    return captures.packets_of(open_capture(paths))


@pytest.mark.parametrize("name", ["tomcat-chat.pcap", "cooked-sll2.pcap", "lossy.pcap"])
@pytest.mark.parametrize("batch_bytes", [700, 1 << 20])
def test_read_back(tmp_path, name, batch_bytes):
    path = tmp_path / "kept.pcapng"
    kept(open_capture(CAPTURES / name, Options(batch_bytes=batch_bytes)), path)
    assert packets(path) == packets(CAPTURES / name)
    assert captures.read_pcapng(path.read_bytes()) == packets(path)


def test_other_programs_read_it(tmp_path):
    path = tmp_path / "kept.pcapng"
    kept(open_capture(CAPTURES / "tomcat-chat.pcap"), path, counters=stats(110, 7))
    from scapy.utils import RawPcapNgReader

    with RawPcapNgReader(str(path)) as reader:
        raw = [data for data, _ in reader]
    assert raw == [packet.payload for packet in packets(CAPTURES / "tomcat-chat.pcap")]
    if shutil.which("capinfos") is None:
        pytest.skip("capinfos is not installed")
    said = subprocess.run(["capinfos", path], capture_output=True, check=True, text=True).stdout
    assert "Name = eth0" in said
    assert "Time precision = nanoseconds (9)" in said
    assert "Number of packets:   103" in said
    assert "wsanalyze" in said
    assert "capture-drops" in [
        finding.kind.id for batch in open_capture(path) for finding in batch.findings
    ]


def test_interfaces_and_link_types_are_described_once_each(tmp_path):
    one, other = (
        next(batch for batch in open_capture(CAPTURES / name) if len(batch.rows) > 3)
        for name in ("tomcat-chat.pcap", "lossy.pcap")
    )
    batches = [
        # Of more rows than there are: some were beyond --count.
        LiveBatch(each.rows[:3], each.data, each.used, interfaces=np.full(4, place, np.uint8))
        for place, each in ((0, one), (1, other), (0, one), (1, one))
    ]
    path = tmp_path / "kept.pcapng"
    kept(batches, path, names=("eth0", "tun0"))
    names, numbers, at, data = [], [], 0, path.read_bytes()
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 1:
            names.append((data[at + 20 : at + 24], data[at + 8]))
        elif kind == 6:
            numbers.append(data[at + 8])
        at += length
    assert names == [(b"eth0", 1), (b"tun0", 101), (b"tun0", 1)]
    assert numbers == [0] * 3 + [1] * 3 + [0] * 3 + [2] * 3


def test_a_ring_of_files(tmp_path):
    source = CAPTURES / "tomcat-chat.pcap"
    batches = list(open_capture(source, Options(batch_bytes=5000)))
    files = kept(batches, tmp_path / "k.pcapng", most_bytes=4000)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) > 4
    assert names == [path.name for path in files.files]
    longest = max(len(packet.payload) for packet in packets(source))
    assert all(f"k_{n:05}_2" in name for n, name in enumerate(names, 1))
    for path in files.files:
        assert path.stat().st_size < 4000 + longest + 200
    assert packets(tmp_path) == packets(source)
    last = kept(batches, tmp_path / "l.pcapng", most_bytes=4000, most_files=2).files
    left = sorted(path for path in tmp_path.iterdir() if path.name.startswith("l_"))
    assert left == list(last)
    found = packets(*left)
    assert found == packets(source)[-len(found) :]


def test_each_file_tells_its_own_drops(tmp_path):
    counts = iter([(10, 3), (30, 3), (60, 4)] + [(60, 4)] * 99)
    batches = list(open_capture(CAPTURES / "npm-ws-basic.pcap", Options(batch_bytes=2000)))
    files = kept(
        batches, tmp_path / "k.pcapng", counters=lambda: CaptureStats(*next(counts), 0, True),
        most_bytes=2500,
    )  # fmt: skip
    told = []
    for path in files.files:
        found = [f for batch in open_capture(path) for f in batch.findings]
        told.append([str(f.detail).split()[0] for f in found if f.kind.id == "capture-drops"])
    assert told[:3] == [["3"], [], ["1"]]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_said_once_and_what_was_written_stays_whole(tmp_path, monkeypatch):
    path = tmp_path / "kept.pcapng"
    batches = list(open_capture(CAPTURES / "npm-ws-basic.pcap", Options(batch_bytes=2000)))
    files = PacketFiles(path, ["eth0"], stats())
    files.keep(batches[0])

    class Full:
        def __init__(self, file):
            self.file = file

        def write(self, data):
            if len(data) > 10:
                return self.file.write(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def fileno(self):
            return self.file.fileno()

        def close(self):
            self.file.close()

    files._file = Full(files._file)
    before = [len(batch.findings) for batch in batches]
    for batch in batches[1:]:
        files.keep(batch)
    files.close()
    new = [batch.findings[count:] for batch, count in zip(batches, before, strict=True)]
    assert [len(some) for some in new] == [0, 1] + [0] * (len(batches) - 2)
    assert new[1][0].kind.id == "capture-not-kept"
    assert "No space left" in new[1][0].text
    assert packets(path) == captures.packets_of([batches[0]])
    with pytest.raises(ReportError, match="No space left"):
        PacketFiles(Path("/dev/full"), [], stats())


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(ReportError, match="No such file"):
        PacketFiles(tmp_path / "no" / "k.pcapng", [], stats())
