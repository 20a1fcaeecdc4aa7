"""Stalls of a live run: packets lost while it stands still.

    python -m benchmarks.stalls [--seconds S] [BACKEND ...]      (root; makes its own namespace)

5,000 packets a second of 200 bytes go out of one end of a veth pair. In the middle the
process stands still for S seconds (default 10): stopped by SIGSTOP, or its analysis held up as by a
reader of events that sleeps. What it has kept is counted beside what was sent. The bar is no loss.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from analyzer.capture.source import open_capture

RATE, SIZE = 5000, 200
STOPPED, HELD = "stopped", "held up"
HOLDS = """
import signal, sys, time
from analyzer.cli import main
# The main thread sleeps, as in a write to a pipe that nobody reads.
signal.signal(signal.SIGUSR1, lambda *_: time.sleep({seconds}))
sys.exit(main.main(sys.argv[1:]))
"""
BACKENDS = ("ring", "scapy", "pcapy")
_ISOLATED = "WSANALYZE_BENCHMARK_NAMESPACE"
_STEP_S = 0.01


def send(seconds: float) -> int:
    """Send frames at RATE; return how many."""
    sent = 0
    begin = time.monotonic()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("out0", 0))
        while (passed := time.monotonic() - begin) < seconds:
            while sent < passed * RATE:
                # Ethernet of a type for experiments (IEEE 802), then a number.
                sock.send(bytes(12) + b"\x88\xb5" + sent.to_bytes(8, "big") + bytes(SIZE - 22))
                sent += 1
            time.sleep(_STEP_S)
    return sent


def kept(path: Path) -> int:
    """Return how many of the frames that were sent are in a file."""
    count = 0
    for batch in open_capture(path):
        data = batch.data
        for start in batch.rows["start"]:
            count += bytes(data[start + 12 : start + 14]) == b"\x88\xb5"
    return count


def lost(backend: str, stall: str, seconds: float) -> tuple[int, int]:
    """Run once; return packets sent and lost."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kept.pcapng"
        options = ["live", "in0", "-f", "", "--user", "root", "--backend", backend]
        options += ["--write", str(path), "--events", "frames", "-q"]
        run = subprocess.Popen(
            [sys.executable, "-c", HOLDS.format(seconds=seconds), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert run.stderr is not None
        run.stderr.readline()  # it captures
        time.sleep(0.5)
        sent: list[int] = []
        sender = threading.Thread(target=lambda: sent.append(send(seconds + 3)))
        sender.start()
        time.sleep(1)
        run.send_signal(signal.SIGSTOP if stall == STOPPED else signal.SIGUSR1)
        time.sleep(seconds)
        if stall == STOPPED:
            run.send_signal(signal.SIGCONT)
        sender.join()
        time.sleep(2)
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=120)
        return sent[0], sent[0] - kept(path)


def main() -> None:
    """Run all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("backends", nargs="*", default=BACKENDS)
    given = parser.parse_args()
    if _ISOLATED not in os.environ:
        os.environ[_ISOLATED] = "1"
        again = [sys.executable, "-m", "benchmarks.stalls", *sys.argv[1:]]
        os.execvp("unshare", ["unshare", "-n", *again])
    for words in ("add out0 type veth peer name in0", "set out0 up", "set in0 up"):
        subprocess.run(["ip", "link", *words.split()], check=True)
    for backend in given.backends:
        for stall in (STOPPED, HELD):
            sent, gone = lost(backend, stall, given.seconds)
            print(f"{backend:6} {stall} for {given.seconds:g} s: {gone} of {sent} lost", flush=True)


if __name__ == "__main__":
    main()
