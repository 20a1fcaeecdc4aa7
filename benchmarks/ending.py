"""The end of a run with many open connections: from SIGINT until the process is gone.

    python -m benchmarks.ending [--connections 17000] [--profile] [-- OPTION ...]

Connections that have said twelve messages each and stay open are fed to `wsanalyze live -`, whose
options may be given. When all is read, SIGINT is sent. The bar is 5 s for 17,000.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import numpy as np

from benchmarks.soak import STRIDE, Churn
from benchmarks.traffic import PCAP_HEADER

RATE = 2000
NS = 1_000_000_000
_SETTLED_S = 1.0


class Stays(Churn):
    """Connections that stay open."""

    def kind_of(self, number: int) -> str:
        """Return that one is left open."""
        return "left open"


def written(path: Path, connections: int) -> None:
    """Write a capture with so many open connections."""
    churn = Stays(RATE)
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        while churn.connections < connections:
            put(churn, file)
        churn.rate = 0  # what is said after the last second
        put(churn, file)


def put(churn: Churn, file: IO[bytes]) -> None:
    """Write the packets of a second."""
    second = churn.second()
    data = second.data
    heads = np.zeros((len(second.rows), 4), "<u4")
    heads[:, 0], heads[:, 1] = np.divmod(second.rows["time"], NS)
    heads[:, 1] //= 1000
    heads[:, 2] = heads[:, 3] = second.rows["captured"]
    rows = zip(heads, second.rows["start"].tolist(), second.rows["captured"].tolist(), strict=True)
    file.write(b"".join(head.tobytes() + data[at : at + size].tobytes() for head, at, size in rows))


def processor_s(pid: int) -> float:
    """Return the processor time that a process took (proc(5), stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ended(path: Path, options: list[str]) -> tuple[float, float]:
    """Return seconds from SIGINT to the end, and processor seconds of these."""
    command = [sys.executable, "-m", "analyzer.cli.main", "live", "-", "--user", "root", *options]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    process.stdin.write(path.read_bytes())
    process.stdin.flush()
    used = -1.0
    while processor_s(process.pid) - used > 0.2 * _SETTLED_S:
        used = processor_s(process.pid)
        time.sleep(_SETTLED_S)
    before = processor_s(process.pid)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, _, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    process.returncode = 0
    process.stdin.close()
    return took, usage.ru_utime + usage.ru_stime - before


def main() -> None:
    """Print how long it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=17_000)
    parser.add_argument("options", nargs="*", help="of wsanalyze live, behind --")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "open.pcap"
        written(path, asked.connections)
        for options in ([], ["--csv", f"{folder}/csv"]) if not asked.options else [asked.options]:
            took, used = ended(path, options)
            shown = " ".join(options[:1]) or "events"
            print(
                f"ending: {asked.connections:,} open connections, {shown}: {took:.1f} s, "
                f"{used:.1f} s of a processor; {STRIDE} B a packet at most"
            )


if __name__ == "__main__":
    main()
