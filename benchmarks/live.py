"""Live capture: drops, floods beside dumpcap and tshark, latency, processor time.

    python -m benchmarks.live [--seconds S] [PART ...]      (root; makes its own namespace)

The traffic is the workload of small frames, sent again and again out of one end of a veth
pair, each round with other addresses, so that every round opens connections of its own.
Sender and analysis share the machine's processors.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from analyzer.capture.live import CaptureStats, open_live
from analyzer.capture.source import open_capture
from analyzer.live.run import Until, run
from analyzer.live.stop import Stop
from analyzer.options import Options
from analyzer.tables.schema import TableRows
from benchmarks import workloads

OUT, IN = "out0", "in0"
_ISOLATED = "WSANALYZE_BENCHMARK_NAMESPACE"
_CHUNK = 64
_SOURCE, _DESTINATION = 26, 30  # of IPv4 in Ethernet


# --- sender ----------------------------------------------------------------------------


_VECTOR = np.dtype([("base", "u8"), ("length", "u8")])
"""struct iovec"""
_MESSAGE = np.dtype(
    [
        *(("name", "u8"), ("name_length", "u8"), ("vector", "u8"), ("vectors", "u8")),
        *(("control", "u8"), ("control_length", "u8"), ("flags", "u8"), ("sent", "u8")),
    ]
)
"""struct mmsghdr with its struct msghdr, paddings among them, on 64 bits"""


def rounds(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield batches of the file for ever: data, starts, lengths; addresses differ by round."""
    number = 0
    while True:
        number += 1
        for batch in open_capture(path):
            starts = batch.rows["start"].astype(np.int64)
            if len(starts):
                # The second byte of both addresses: 10.N.x.x
                batch.data[starts + _SOURCE + 1] = number % 250
                batch.data[starts + _DESTINATION + 1] = number % 250
                yield batch.data, starts, batch.rows["captured"].astype(np.int64)


def send(path: Path, rate: int, seconds: float) -> None:
    """Send so many packets a second (0: as fast as it goes); print how many went out."""
    libc = ctypes.CDLL(None, use_errno=True)
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sender.bind((OUT, 0))
    sent, begin = 0, time.monotonic()
    for data, starts, lengths in rounds(path):
        vectors = np.zeros(len(starts), _VECTOR)
        vectors["base"], vectors["length"] = starts + data.ctypes.data, lengths
        messages = np.zeros(len(starts), _MESSAGE)
        messages["vector"] = vectors.ctypes.data + np.arange(len(starts)) * _VECTOR.itemsize
        messages["vectors"] = 1
        for first in range(0, len(starts), _CHUNK):
            count, done = min(_CHUNK, len(starts) - first), 0
            while done < count:
                at = messages.ctypes.data + (first + done) * _MESSAGE.itemsize
                answer = libc.sendmmsg(sender.fileno(), ctypes.c_void_p(at), count - done, 0)
                done += max(answer, 0)
            sent += count
            passed = time.monotonic() - begin
            if rate and sent / rate > passed:
                time.sleep(sent / rate - passed)
            if passed >= seconds:
                print(sent)
                return


def sending(path: Path, rate: int, seconds: float) -> subprocess.Popen[str]:
    """Start `send` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.live", "--send", str(path), str(rate)]
    return subprocess.Popen(
        [*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True
    )


# --- parts -----------------------------------------------------------------------------


class Watch:
    """An observer that notes how late message rows come, and the counters."""

    def __init__(self) -> None:
        self.delays: list[np.ndarray] = []
        self.stats = CaptureStats(0, 0, 0, True)

    def write(self, rows: TableRows) -> None:
        """Note the delays of new rows of messages."""
        if rows.table.name == "messages" and rows.count:
            times = np.asarray(rows.values["time_last"], np.int64)
            self.delays.append(time.time_ns() - times)

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Note the counters."""
        self.stats = stats

    def close(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""


def watched(path: Path, rate: int, seconds: float) -> tuple[Watch, int, float]:
    """Return what an observer saw of a run in this process, packets sent, processor seconds."""
    watch = Watch()
    source = open_live([IN], Options())
    sender = sending(path, rate, seconds)
    stop = Stop()

    def end() -> None:
        sender.wait()
        time.sleep(0.5)
        stop()

    waiting = threading.Thread(target=end)
    waiting.start()
    before = resource.getrusage(resource.RUSAGE_SELF)
    run(source, Options(), [], [watch], stop=stop)
    after = resource.getrusage(resource.RUSAGE_SELF)
    waiting.join()
    out, _ = sender.communicate()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return watch, int(out), used


def drops(path: Path, seconds: float) -> None:
    """50,000 packets a second: the bar is that the kernel drops none in 60 s."""
    watch, sent, used = watched(path, 50_000, seconds)
    stats = watch.stats
    print(
        f"drops: {sent:,} packets sent in {seconds:.0f} s, {stats.received:,} received, "
        f"{stats.dropped:,} dropped by the kernel; {used / seconds:.0%} of a processor"
    )


def latency(path: Path, seconds: float) -> None:
    """10,000 messages a second: the bar is 200 ms from packet to row, 95th percentile."""
    watch, _, used = watched(path, 14_700, seconds)  # 680 messages in 1,000 packets
    delays = np.concatenate(watch.delays) / 1e6
    middle, most, worst = (float(np.percentile(delays, share)) for share in (50, 95, 100))
    print(
        f"latency: {len(delays) / seconds:,.0f} messages/s, row after {middle:.0f} ms (median), "
        f"{most:.0f} ms (95 %), {worst:.0f} ms (worst); {used / seconds:.0%} of a processor"
    )


def processor(path: Path, seconds: float) -> None:
    """1,000 messages a second: the bar is 10 % of a processor."""
    watch, _, used = watched(path, 1470, seconds)
    messages = sum(map(len, watch.delays))
    idle = open_live([IN], Options())
    before = time.process_time()
    run(idle, Options(), [], [Watch()], until=Until(seconds=seconds))
    quiet = time.process_time() - before
    print(
        f"processor: {messages / seconds:,.0f} messages/s take {used / seconds:.1%}, "
        f"silence takes {quiet / seconds:.1%}"
    )


def flood(path: Path, seconds: float) -> None:
    """As fast as it goes: the share analysed, beside dumpcap piped into tshark."""
    shares: dict[str, list[tuple[float, float]]] = {"wsanalyze": [], "dumpcap | tshark": []}
    for _ in range(3):
        watch, sent, _ = watched(path, 0, seconds)
        shares["wsanalyze"].append((watch.stats.analysed / sent, sent / seconds))
        if shutil.which("tshark") and shutil.which("dumpcap"):
            lines, sent = _peer(path, seconds)
            shares["dumpcap | tshark"].append((lines / sent, sent / seconds))
    for name, each in shares.items():
        if each:
            share, rate = (statistics.median(column) for column in zip(*each, strict=True))
            print(f"flood: {name} analyses {share:.1%} of {rate:,.0f} packets/s")


def _peer(path: Path, seconds: float) -> tuple[int, int]:
    """Return packets that tshark printed of those that dumpcap fed it, and packets sent."""
    fields = ["-T", "fields", "-e", "frame.number", "-e", "tcp.stream", "-e", "websocket.opcode"]
    with tempfile.TemporaryFile("w+") as listing:
        dumpcap = subprocess.Popen(
            ["dumpcap", "-q", "-i", IN, "-B", "64", "-f", "tcp", "-w", "-"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        tshark = subprocess.Popen(
            ["tshark", "-n", "-r", "-", *fields],
            stdin=dumpcap.stdout, stdout=listing, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert dumpcap.stdout is not None
        dumpcap.stdout.close()
        time.sleep(2.0)
        out, _ = sending(path, 0, seconds).communicate()
        time.sleep(0.5)
        dumpcap.send_signal(signal.SIGINT)
        dumpcap.wait()
        tshark.wait()
        listing.seek(0)
        lines = sum(1 for _ in listing)
    return lines, int(out)


PARTS = {"drops": drops, "latency": latency, "processor": processor, "flood": flood}


# --- all -------------------------------------------------------------------------------


def isolated() -> None:
    """Go on in a network namespace with a veth pair."""
    if os.environ.get(_ISOLATED):
        return
    quiet = "for c in all default; do echo 1 > /proc/sys/net/ipv6/conf/$c/disable_ipv6; done"
    script = (
        f"{quiet}; ip link add {OUT} type veth peer name {IN} && "
        f'ip link set {OUT} arp off up && ip link set {IN} arp off up && exec "$@"'
    )
    os.environ[_ISOLATED] = "1"
    command = ["unshare", "--net", "--", "sh", "-c", script, "sh", sys.executable]
    os.execvp(command[0], [*command, "-m", "benchmarks.live", *sys.argv[1:]])


def main() -> None:
    """Run the parts that are asked for; default all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--file", type=Path, help="a capture of Ethernet and IPv4 to send")
    parser.add_argument("--send", nargs=2, metavar=("FILE", "RATE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.send:
        send(Path(asked.send[0]), int(asked.send[1]), asked.seconds)
        return
    isolated()
    path = asked.file
    if path is None:
        work = workloads.small(1_000_000, 200)
        work.make()
        path = work.path
    print(f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}")
    for name in asked.parts or PARTS:
        PARTS[name](path, asked.seconds)
        assert threading.active_count() == 1


if __name__ == "__main__":
    main()
