"""Captures read apart are those read here, and what goes wrong there is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analyzer.errors import CaptureAccessError
from analyzer.options import Options
from analyzer.shards.reading import Begun, decoded

CAPTURES = Path(__file__).parents[2] / "captures"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")

BEGIN = """
import os, signal, sys
import numpy as np
from analyzer.options import Options
from analyzer.shards import reading
from analyzer.shards.reading import Apart, Begun, decoded
"""


def said_by(code: str, *arguments: str) -> list[str]:
    """Run code in a process that has one thread."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    return done.stdout.splitlines()


def test_what_begins_then_segments_then_those_of_the_end() -> None:
    path = CAPTURES / "npm-ws-basic.pcap"
    begun, *made = decoded([path], Options(batch_bytes=600))
    assert begun == Begun([str(path)], path.stat().st_size)
    assert len(made) > 5
    batches = [each[0] for each in made if not isinstance(each, Begun)]
    assert sum(batch.packets for batch in batches) == 37
    assert made[-1][1] == path.stat().st_size  # type: ignore[index]


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(CaptureAccessError):
        list(decoded(["/nowhere.pcap"], Options()))


SAME = """
def told(made):
    if isinstance(made, Begun):
        return made
    batch, read = made
    records = batch.records
    small = [getattr(batch, name) for name in reading._BATCH]
    small += [getattr(records, name) for name in reading._RECORDS]
    return read, batch.rows.tolist(), records.data[: records.used].tobytes(), small

for path in sys.argv[1:]:
    for size in (2000, 1 << 20):
        options = Options(batch_bytes=size)
        with Apart([path], options) as apart:
            there = [told(each) for each in apart]
        here = [told(each) for each in decoded([path], options)]
        assert len(here) > 1
        print(there == here)
"""


def test_batches_are_those_read_here() -> None:
    # Fragments and their findings, look-ups, keys in the file, other protocols.
    names = ("ip-fragments.pcap", "dns-lookups.pcap", "npm-ws-basic.pcap", "cooked-sll2.pcap")
    some = [path for name in names if (path := CAPTURES / name).exists()]
    some += sorted(CAPTURES.glob("*.pcapng")) + sorted((CAPTURES / "faults").glob("*.pcap"))[:8]
    assert len(some) > 10
    assert set(said_by(SAME, *map(str, some))) == {"True"}


FAILS = """
try:
    with Apart([sys.argv[1]], Options()) as apart:
        for made in apart:
            if sys.argv[2:]:
                os.kill(apart.pid, signal.SIGKILL)
except Exception as error:
    print(type(error).__name__, error)
try:
    os.kill(apart.pid, 0)
except ProcessLookupError:
    print("gone")
"""


def test_an_error_is_raised_here() -> None:
    error, gone = said_by(FAILS, "/nowhere.pcap")
    assert error.startswith("CaptureAccessError /nowhere.pcap cannot be read")
    assert gone == "gone"


def test_a_process_that_is_killed_is_told(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number}.pcap").symlink_to(CAPTURES / "socket-io-room.pcap")
    assert said_by(FAILS, str(tmp_path), "kill") == [
        "JobError a process that reads was killed by SIGKILL",
        "gone",
    ]


LEFT = """
with Apart([sys.argv[1]], Options(batch_bytes=2000)) as apart:
    next(iter(apart))
try:
    os.kill(apart.pid, 0)
except ProcessLookupError:
    print("gone")
"""


def test_it_ends_when_nobody_wants_the_rest() -> None:
    assert said_by(LEFT, str(CAPTURES / "socket-io-room.pcap")) == ["gone"]
