"""scapy's and pcapy-ng's ways to capture: the same packets as were sent."""

import struct
import time

import pytest
from oracle import namespaces
from oracle.imports import without_libraries

from analyzer.capture import interfaces, sockets
from analyzer.capture.interfaces import Interface
from analyzer.capture.live import open_live
from analyzer.capture.sockets import PcapySocket, ScapySocket
from analyzer.errors import CaptureAccessError, OptionError
from analyzer.options import Options

MAC = bytes(range(12))
S = 1_000_000_000
TCP = MAC + bytes.fromhex("0800 45000028 0000 0000 40 06 0000 0a000001 0a000002") + bytes(20)
UDP = MAC + bytes.fromhex("0800 45000028 0000 0000 40 11 0000 0a000001 0a000002") + bytes(20)


@namespaces.needed
@pytest.mark.parametrize("backend", ["scapy", "pcapy"])
def test_packets_come_as_they_were_sent(backend):
    pytest.importorskip(backend)
    frames = [TCP + b"%04d" % number for number in range(300)]
    with namespaces.namespace() as space:
        space.veth()
        with space.entered():
            source = open_live(["in0"], Options(), backend=backend)
            before = time.time_ns()
            namespaces.send("out0", [UDP, *frames, UDP])
            found, times = [], []

            def step():
                batch = source.read(0.1)
                found.extend(
                    batch.data[r["start"] : r["start"] + r["captured"]].tobytes()
                    for r in batch.rows
                )
                times.extend(int(each) for each in batch.rows["time"])
                assert (batch.rows["captured"] == batch.rows["original"]).all()
                return len(found) >= len(frames)

            namespaces.wait_for(step)
            stats = source.stats()
            source.stop()
            namespaces.send("out0", frames[:3])
            left = 0
            while (batch := source.read(0.05)) is not None:
                left += len(batch.rows)
            source.close()
    assert found == frames
    assert left == 0
    assert stats.dropped == 0
    assert stats.analysed == len(frames)
    # The clock of a virtual machine may be set back meanwhile, by a tenth of a second now and then.
    assert before - S <= min(times) <= max(times) <= time.time_ns() + S


@namespaces.needed
def test_tags_and_nanoseconds_by_scapy():
    pytest.importorskip("scapy")
    tagged = TCP[:12] + b"\x81\x00\x00\x2a" + TCP[12:]
    with namespaces.namespace() as space:
        space.veth()
        with space.entered():
            one = ScapySocket(interfaces.named("in0"), "tcp", promiscuous=False, options=Options())
            namespaces.send("out0", [tagged] * 3)
            time.sleep(0.2)
            batch = one.read(5)
            one.close()
    assert batch.data[: batch.used].tobytes() == tagged * 3
    assert list(batch.rows["original"]) == [len(tagged)] * 3
    assert list(batch.rows["packet"]) == [6, 7, 8]
    assert any(when % 1000 for when in batch.rows["time"])


def test_side_data():
    stamp = struct.pack("=qq", 5, 6)
    aux = struct.pack("=IIIHHHH", 1 << 4 | 1 << 6, 100, 60, 0, 0, 7, 0x88A8)
    side = [(sockets.socket.SOL_SOCKET, 35, stamp), (263, 8, aux)]
    packet = MAC + b"\x08\x00rest"
    assert sockets._with_side_data(packet, side) == (
        5_000_000_006,
        MAC + b"\x88\xa8\x00\x07\x08\x00rest",
        104,
    )
    assert sockets._with_side_data(b"abc", []) == (0, b"abc", 3)


@pytest.mark.parametrize(
    ("made", "package"),
    [(ScapySocket, "scapy"), (PcapySocket, "pcapy-ng")],
    ids=["scapy", "pcapy"],
)
def test_not_installed(made, package, monkeypatch):
    without_libraries(monkeypatch)
    with pytest.raises(OptionError, match="not installed") as error:
        made(Interface("lo"), "tcp", promiscuous=False, options=Options())
    assert f"pip install {package}" == error.value.hint


def test_what_pcapy_says_no_to():
    assert isinstance(sockets._refused("x", "Operation not permitted"), PermissionError)
    assert isinstance(sockets._refused("x", "No such device"), CaptureAccessError)


def test_any_is_for_the_ring():
    pytest.importorskip("scapy")
    with pytest.raises(OptionError, match="ring alone"):
        ScapySocket(interfaces.EVERY, "tcp", promiscuous=False, options=Options())


def test_names_where_there_is_no_netlink():
    pytest.importorskip("pcapy")
    assert "lo" in [each.name for each in sockets.others()]


@namespaces.needed
def test_pcapy_tells_that_the_interface_is_gone():
    pytest.importorskip("pcapy")
    with namespaces.namespace() as space:
        space.veth()
        with space.entered():
            source = open_live(["in0"], Options(), backend="pcapy")
            space.ip("link", "del", "in0")
            found = []

            def step():
                found.extend(each.kind.id for each in source.read(0.1).findings)
                return found

            namespaces.wait_for(step)
            assert found == ["capture-interface-down"]
            assert not source.stats().interface_up
            source.stop()
            while source.read(0.05) is not None:
                pass
            source.close()
