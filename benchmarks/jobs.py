"""Two processes against one: `python -m benchmarks.jobs CAPTURE [--pairs N]`.

Analyses a capture with all tables as CSV or Parquet, in turn with `--jobs 1` and `--jobs 2`, and
prints the ratio of each pair and their median. The files of both must be the same bytes. It says
little on a machine that does other things: compare the work of both processes, which is printed
too, with that of one. What a run of two takes at least is the larger of the two.
"""

from __future__ import annotations

import argparse
import filecmp
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPORTS = ("csv", "parquet")


def taken(capture: Path, report: str, folder: Path, jobs: int) -> tuple[float, float]:
    """Return the seconds of one run, and those of processors, of all its processes."""
    command = [sys.executable, "-m", "analyzer.cli.main", str(capture), "--quiet"]
    command += [f"--{report}", str(folder), "--jobs", str(jobs)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    subprocess.run(command, check=True)
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    work = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, work


def same(one: Path, other: Path) -> bool:
    """Return whether two folders hold the same files."""
    names = sorted(path.name for path in one.iterdir())
    if names != sorted(path.name for path in other.iterdir()):
        return False
    return filecmp.cmpfiles(one, other, names, shallow=False)[0] == names


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jobs", description=__doc__)
    parser.add_argument("capture", type=Path, help="such as one of benchmarks/data")
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for report in REPORTS:
            ratios = []
            for _ in range(given.pairs):
                folders = [Path(name) / f"{report}{jobs}" for jobs in (1, 2)]
                runs = [taken(given.capture, report, folders[jobs - 1], jobs) for jobs in (1, 2)]
                (one, work), (two, more) = runs
                ratios.append(one / two)
                print(f"{report}: {one:.2f} s, {two:.2f} s, work {work:.2f} s, {more:.2f} s")
                if not same(*folders):
                    sys.exit(f"{report}: the files differ")
                for folder in folders:
                    shutil.rmtree(folder)
            print(f"{report}: {statistics.median(ratios):.2f} times as fast with 2")


if __name__ == "__main__":
    main()
