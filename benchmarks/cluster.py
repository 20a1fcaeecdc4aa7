"""What a capture costs a worker: `python -m benchmarks.cluster [CAPTURE...]`.

Analyses captures (default those of `python -m benchmarks.workloads --quick`) in this process as a
worker does, and prints seconds of processor time by GB of capture: for the analysis alone, for the
tables of its part, and for finding that all of it was done before. docs/scale.md has the figures.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from analyzer.analysis import run
from analyzer.distributed.task import Task, work
from analyzer.options import Options
from benchmarks.workloads import all_workloads


def taken(do: Callable[[], object], rounds: int) -> float:
    """Return the seconds of processor time that something takes: the fewest of some rounds."""
    times = []
    for _ in range(rounds):
        begun = time.process_time()
        do()
        times.append(time.process_time() - begun)
    return min(times)


def measured(path: Path, rounds: int) -> str:
    """Return the line of a capture."""
    options, size = Options(), path.stat().st_size
    alone = taken(lambda: run([path], options, []), rounds)
    with tempfile.TemporaryDirectory() as name:

        def task(number: int = 0) -> Task:
            return Task(path.name, (str(path),), False, f"{name}/{number}", options)

        numbers = iter(range(rounds))
        whole = taken(lambda: work(task(next(numbers))), rounds)
        again = taken(lambda: work(task()), rounds)
        written = sum(each.stat().st_size for each in Path(name, "0").rglob("*.parquet"))
    gb = size / 1e9
    return (
        f"{path.stem:28}{size / 1e6:6.0f}{alone / gb:9.0f} s{whole / gb:11.0f} s"
        f"{written / size:6.0%}{again * 1e3:6.0f} ms"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("captures", type=Path, nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    captures: list[Path] = given.captures
    if not captures:
        works = [each for each in all_workloads(quick=True) if each.path.stem[:4] != "tiny"]
        for each in works:
            each.make()
        captures = [each.path for each in works]
    # Modules are loaded, which a worker does once.
    run([min(captures, key=lambda path: path.stat().st_size)], Options(), [])
    print(f"{'capture':28}{'MB':>6}{'analysis':>11}{'with tables':>13}{'part':>6}{'again':>9}")
    for path in captures:
        print(measured(path, given.rounds), flush=True)


if __name__ == "__main__":
    main()
