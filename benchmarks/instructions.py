"""Counts instructions of a fixed run, which do not depend on how busy the machine is.

`python -m benchmarks.instructions` runs wsanalyze under valgrind's callgrind on a small workload
and prints the counts beside those of the last commit that kept them; `--keep` writes them to
instructions.json. Times of two commits are told apart by pairs of runs; a kernel that became a
tenth slower is seen here in one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import workloads

KEPT = Path(__file__).with_name("instructions.json")
NOTABLE = 0.1
"""A change that is marked: less may come from another version of Python or a library."""
FEW = 1_000_000
"""Instructions of a part that is not shown: setting up and tearing down."""
PACKETS = 20_000
"""Enough for the kernels to count beside start-up; valgrind makes it about a minute."""
_LINE = re.compile(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+\S+:.*?(?: \[(.*)\])?$")


def part_of(path: str) -> str:
    """Return what a shared object belongs to: a kernel's name, "python" or "libraries"."""
    name = Path(path).name.partition(".")[0]
    if f"{os.sep}analyzer{os.sep}" in path:
        return f"{Path(path).parent.name}/{name}"
    return "python" if name.startswith(("libpython", "python")) else "libraries"


def parsed(text: str) -> dict[str, int]:
    """Return instructions by part, of what callgrind_annotate prints."""
    counts: dict[str, int] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        if found:
            part = part_of(found[2] or "")
            counts[part] = counts.get(part, 0) + int(found[1].replace(",", ""))
    return counts


def measured(capture: Path) -> dict[str, int]:
    """Return instructions by part of a whole run on a capture."""
    command = [sys.executable, "-m", "analyzer.cli.main", str(capture)]
    # Strings hash alike in each run, and modules are compiled before it.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind"
        valgrind = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        subprocess.run(
            [*valgrind, *command], env=environment, stdout=subprocess.DEVNULL, check=True
        )
        done = subprocess.run(
            ["callgrind_annotate", "--threshold=100", str(out)],
            capture_output=True,
            text=True,
            check=True,
        )
    return parsed(done.stdout)


def table(now: dict[str, int], before: dict[str, int]) -> str:
    """Return a Markdown table, most instructions first."""
    lines = ["| part | millions | kept | change | |", "|---|---|---|---|---|"]
    for part, count in sorted(now.items(), key=lambda item: -item[1]):
        old = before.get(part, 0)
        if max(count, old) < FEW:
            continue
        change = count / old - 1 if old else 0.0
        mark = "slower" if change > NOTABLE else "faster" if change < -NOTABLE else ""
        lines.append(f"| {part} | {count / 1e6:.1f} | {old / 1e6:.1f} | {change:+.1%} | {mark} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write the counts to instructions.json")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("not counted: valgrind is missing (Debian: valgrind)")
        return
    part = workloads.Part(
        connections=50,
        messages=13_500,
        payload=workloads.small_frames,
        seconds=60.0,
        packets=PACKETS,
        ack_every=0,
    )
    with tempfile.TemporaryDirectory() as folder:
        workloads.FOLDER = Path(folder)
        work = workloads.Workload(f"small-{PACKETS}-50", (part,))
        work.make()
        now = measured(next(Path(folder).glob("*.pcap")))
    before = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    print(table(now, before))
    if arguments.keep:
        KEPT.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
