"""Whole programs side by side: wsanalyze, tshark and capinfos on the same files.

Every row runs its programs in turn, A B C A B C, several rounds. A ratio is taken
within each round and the table gives the median with the lowest and highest: the
machine's mood changes the seconds but hardly the ratios. Files are in the page cache. `--cpu`
compares processor seconds, for a machine that others use at the same time.
"""

from __future__ import annotations

import argparse
import compileall
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from analyzer.version import __version__
from benchmarks import flame, obstacles, tls_traffic, traffic, workloads

LAUNCH = Path(__file__).parent / "launch.py"
RESULTS = Path(__file__).parent / "RESULTS.md"
PICTURES = Path(__file__).parent / "profiles"
PACKAGE = Path(__file__).parents[1] / "analyzer"
OURS, TSHARK, CAPINFOS = "wsanalyze", "tshark", "capinfos"

FRAME_FIELDS = (
    *("frame.number", "frame.time_epoch", "frame.len", "tcp.stream", "ip.src", "tcp.srcport"),
    *("websocket.fin", "websocket.rsv", "websocket.opcode", "websocket.mask"),
    *("websocket.masking_key", "websocket.payload_length"),
    *("websocket.payload_length_ext_16", "websocket.payload_length_ext_64"),
)
"""What tshark has of our frames and messages tables. Payload stays out, which spares
tshark the work of our payload_preview."""


@dataclass(frozen=True)
class Program:
    """One command line, and the file that takes its output."""

    command: tuple[str, ...]
    output: str = os.devnull


@dataclass(frozen=True)
class Run:
    """What one run took.

    Attributes:
        seconds: from start to exit, of the whole process; or of processors.
        megabytes: peak resident memory, 10^6 bytes.
    """

    seconds: float
    megabytes: float


Round = dict[str, Run]
"""One run of each program of a row."""


@dataclass(frozen=True)
class Bar:
    """What a row must reach.

    Attributes:
        text: the bar in words.
        value: the number that one round gives.
        limit: what the median must not fall below, or exceed.
        at_least: the median must not fall below; else must not exceed.
        unit: behind the number.
        obstacle: what stands in the way where it is missed.
    """

    text: str
    value: Callable[[Round], float]
    limit: float
    at_least: bool
    unit: str = "x"
    obstacle: str = ""

    def verdict(self, rounds: Sequence[Round]) -> tuple[str, str]:
        """Return the measured value with its range, and "met" or "missed"."""
        values = sorted(self.value(one) for one in rounds)
        middle = statistics.median(values)
        met = middle >= self.limit if self.at_least else middle <= self.limit
        text = f"{middle:.3g}{self.unit} ({values[0]:.3g}-{values[-1]:.3g})"
        return text, "met" if met else "missed"


@dataclass(frozen=True)
class Row:
    """One line of the table: programs that run in turn, and the bars.

    Attributes:
        picture: name of the file that shows where the first program spends its time; or none.
    """

    name: str
    programs: dict[str, Program]
    bars: tuple[Bar, ...]
    picture: str = ""


def faster(text: str, other: str, limit: float, obstacle: str = "") -> Bar:
    """Return the bar that `other` takes at least `limit` times as long as wsanalyze."""
    return Bar(
        text,
        lambda one: one[other].seconds / one[OURS].seconds,
        limit,
        at_least=True,
        obstacle=obstacle,
    )


def slower(text: str, other: str, limit: float, obstacle: str = "") -> Bar:
    """Return the bar that wsanalyze takes at most `limit` times as long as `other`."""
    return Bar(
        text,
        lambda one: one[OURS].seconds / one[other].seconds,
        limit,
        at_least=False,
        obstacle=obstacle,
    )


def ours(path: Path, *arguments: str) -> Program:
    """Return wsanalyze as installed beside this interpreter, else from this folder."""
    installed = shutil.which(OURS, path=str(Path(sys.executable).parent))
    command = (installed,) if installed else (sys.executable, "-m", "analyzer.cli.main")
    return Program((*command, str(path), *arguments))


def tshark(path: Path, output: str = os.devnull) -> Program:
    """Return tshark listing every WebSocket frame with the columns that it has."""
    fields = (word for name in FRAME_FIELDS for word in ("-e", name))
    return Program((TSHARK, "-r", str(path), "-Y", "websocket", "-T", "fields", *fields), output)


def capinfos(path: Path) -> Program:
    """Return capinfos, which reads every record and looks into none."""
    return Program((CAPINFOS, str(path)))


def csv_row(name: str, path: Path, folder: Path, picture: str, obstacle: str) -> Row:
    """Return the row that writes all tables as CSV."""
    programs = {
        OURS: ours(path, "--csv", str(folder / "ours")),
        TSHARK: tshark(path, output=str(folder / "tshark.tsv")),
    }
    bars = (faster(">= 18x tshark", TSHARK, 18, obstacle),)
    return Row(f"{name}, all tables as CSV", programs, bars, picture)


def parquet_row(name: str, path: Path, folder: Path) -> Row:
    """Return the row that holds Parquet against CSV."""
    other = f"{OURS} --csv"
    programs = {
        OURS: ours(path, "--parquet", str(folder / "parquet")),
        other: ours(path, "--csv", str(folder / "ours")),
    }
    bars = (slower("<= 1.2x the CSV run", other, 1.2),)
    return Row(f"{name}, all tables as Parquet", programs, bars, "parquet")


def inside_rows(work: workloads.Workload, folder: Path) -> list[Row]:
    """Return the rows about what reading messages adds."""
    held = work.make()
    rows = []
    for words, arguments in (("summary", ()), ("CSV", ("--csv", str(folder / "ours")))):
        other = f"{OURS} --no-inside"
        programs = {
            OURS: ours(work.path, *arguments),
            other: ours(work.path, *arguments, "--no-inside"),
        }
        name = f"{held.frames:,} frames of {work.name.rpartition('-')[0]}, {words}"
        rows.append(Row(name, programs, (slower("<= 2x with inside off", other, 2),)))
    return rows


def speed_rows(folder: Path, *, quick: bool) -> list[Row]:
    """Make the workloads and return the rows about time."""
    few, many, large, deflated, http2, rpc, socket_io, tiny = (
        work for work in workloads.all_workloads(quick=quick) if "long" not in work.name
    )
    content = {work.name: work.make() for work in (few, many, large, deflated, http2, tiny)}

    def named(work: workloads.Workload, words: str) -> str:
        held = content[work.name]
        return (
            f"{held.packets:,} packets, {held.frames:,} {words}, {held.connections:,} connections"
        )

    size = f"{large.path.stat().st_size / 1e6:.0f} MB of 60 kB messages, masked"
    small = named(few, "small frames")
    without = f"{OURS} --no-alternatives"
    return [
        Row(
            small,
            {OURS: ours(few.path), TSHARK: tshark(few.path), CAPINFOS: capinfos(few.path)},
            (
                faster(">= 25x tshark", TSHARK, 25, obstacles.SUMMARY),
                slower("<= 2x capinfos", CAPINFOS, 2, obstacles.CAPINFOS),
            ),
            "summary",
        ),
        csv_row(small, few.path, folder, "csv", obstacles.CSV),
        parquet_row(small, few.path, folder),
        connections_row(few, many, named(many, "small frames")),
        Row(
            size,
            {OURS: ours(large.path), TSHARK: tshark(large.path), CAPINFOS: capinfos(large.path)},
            (faster(">= 20x tshark", TSHARK, 20, obstacles.LARGE),),
            "large",
        ),
        csv_row(size, large.path, folder, "", obstacles.LARGE),
        Row(
            named(deflated, "frames of permessage-deflate"),
            {OURS: ours(deflated.path), TSHARK: tshark(deflated.path)},
            (faster(">= 5x tshark", TSHARK, 5, obstacles.DEFLATE),),
        ),
        wss_row(quick=quick),
        *inside_rows(rpc, folder),
        *inside_rows(socket_io, folder),
        Row(
            "50 packets, whole process",
            {OURS: ours(tiny.path), TSHARK: tshark(tiny.path)},
            (faster("no slower than tshark", TSHARK, 1, obstacles.START),),
        ),
        http2_row(http2, named(http2, "small frames over HTTP/2")),
        Row(
            f"{small}: what the alternatives add",
            {OURS: ours(few.path), without: ours(few.path, "--no-alternatives")},
            (slower("<= 1.3x without them", without, 1.3),),
        ),
    ]


def connections_row(few: workloads.Workload, many: workloads.Workload, name: str) -> Row:
    """Return the row that holds many connections against few, of as many packets."""
    count = few.make().connections
    other = f"{OURS}, {count} connections"
    bar = slower(f"<= 1.6x the time for {count}", other, 1.6, obstacles.CONNECTIONS)
    return Row(name, {OURS: ours(many.path), other: ours(few.path)}, (bar,), "connections")


def wss_row(*, quick: bool) -> Row:
    """Return the row about wss, decrypted by a key log."""
    messages = 30_000 if quick else 300_000
    path, keys = tls_traffic.make(workloads.FOLDER, messages, 200)
    other = tshark(path)
    programs = {
        OURS: ours(path, "--keys", str(keys)),
        TSHARK: Program((*other.command, "-o", f"tls.keylog_file:{keys}"), other.output),
    }
    text = f"wss, TLS 1.3 AES-128-GCM with key log, {messages:,} messages, 200 connections"
    return Row(text, programs, (faster(">= 8x tshark", TSHARK, 8, obstacles.WSS),))


def http2_row(work: workloads.Workload, text: str) -> Row:
    """Return the row about WebSocket over HTTP/2; tshark 4.0 reads it down to the DATA."""
    other = tshark(work.path)
    decoded = (*other.command, "-d", f"tcp.port=={traffic.SERVER_PORT},http2")
    programs = {OURS: ours(work.path), TSHARK: Program(decoded, other.output)}
    return Row(text, programs, (faster(">= 3x tshark", TSHARK, 3),))


def memory_row(*, huge: bool) -> Row:
    """Make the workloads and return the row about memory."""
    works = [workloads.long(200), *([workloads.long(2000)] if huge else [])]
    programs = {}
    for work in works:
        work.make()
        name = f"{OURS}, {work.path.stat().st_size / 1e6:.0f} MB"
        programs[name] = ours(work.path)
    bars = tuple(small_peak(name) for name in programs)
    if huge:
        first, last = programs
        ratio = Bar(
            "equal within 20 %",
            lambda one: spread(one[first], one[last]),
            1.2,
            False,
            obstacle=obstacles.MEMORY,
        )
        bars = (*bars, ratio)
    return Row("peak memory", programs, bars)


def jobs_row(*, huge: bool) -> Row:
    """Make the workload and return the row that holds several processes against one."""
    work = workloads.long(2000 if huge else 200)
    work.make()
    one = f"{OURS} --jobs 1"
    programs = {OURS: ours(work.path), one: ours(work.path, "--jobs", "1")}
    name = f"{work.path.stat().st_size / 1e6:.0f} MB by several processes"
    return Row(name, programs, (faster(">= 1.7x one process", one, 1.7, obstacles.JOBS),))


def small_peak(name: str) -> Bar:
    """Return the bar on the peak memory of the program `name`."""
    return Bar(f"<= 300 MB ({name})", lambda one: one[name].megabytes, 300, False, " MB")


def spread(one: Run, other: Run) -> float:
    """Return the larger peak over the smaller."""
    peaks = (one.megabytes, other.megabytes)
    return max(peaks) / min(peaks)


def measure(program: Program, *, cpu: bool = False) -> Run:
    """Run a program once.

    Raises:
        SystemExit: the program failed, so that nothing was measured.
    """
    command = [sys.executable, "-I", "-S", str(LAUNCH), program.output, *program.command]
    launched = subprocess.run(command, capture_output=True, text=True, check=False)
    numbers = launched.stdout.split()
    if len(numbers) != 4 or numbers[3] != "0":
        sys.exit(f"failed: {' '.join(program.command)}\n{launched.stderr[-2000:]}")
    return Run(int(numbers[1 if cpu else 0]) / 1e9, int(numbers[2]) * 1024 / 1e6)


def measure_row(row: Row, rounds: int, *, cpu: bool = False) -> list[Round]:
    """Run the programs of a row in turn, after one run of the first to warm the cache."""
    measure(next(iter(row.programs.values())))
    return [
        {name: measure(program, cpu=cpu) for name, program in row.programs.items()}
        for _ in range(rounds)
    ]


def lines(row: Row, rounds: Sequence[Round]) -> list[str]:
    """Return the row as lines of a Markdown table, one for each bar."""
    medians = ", ".join(
        f"{name} {statistics.median(one[name].seconds for one in rounds):.3f} s"
        for name in rounds[0]
    )
    peak = max(one[name].megabytes for one in rounds for name in one if name.startswith(OURS))
    out = []
    for number, bar in enumerate(row.bars):
        value, verdict = bar.verdict(rounds)
        head = (row.name, medians, f"{peak:.0f} MB") if number == 0 else ("", "", "")
        out.append(f"| {head[0]} | {head[1]} | {head[2]} | {bar.text} | {value} | {verdict} |")
    return out


HEADING = (
    "| workload | median of each | our peak | bar | measured: median (lowest-highest) | |",
    "|---|---|---|---|---|---|",
)


def machine(rounds: int, *, cpu: bool) -> str:
    """Return sentences on what was measured, on what, and how busy that was."""
    versions = [
        subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
        for name in (TSHARK, CAPINFOS)
    ]
    first = "; ".join(each.stdout.splitlines()[0].rstrip(".") for each in versions)
    measured = "processor seconds" if cpu else "seconds from start to end"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pyarrow"))
    return (
        f"{rounds} rounds, {measured}; {os.cpu_count()} processors ({processor()}, "
        f"{platform.machine()}), {platform.system()} {platform.release()}, load "
        f"{os.getloadavg()[0]:.1f} before; wsanalyze {__version__}, "
        f"Python {platform.python_version()}, {libraries}; {first}."
    )


def processor() -> str:
    """Return the name that Linux has for the processor."""
    try:
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        return platform.processor()
    return found[1] if found else platform.processor()


def picture_of(row: Row) -> list[str]:
    """Draw where the first program of a row spends its time; return the line that shows it."""
    if not row.picture:
        return []
    path = PICTURES / f"{row.picture}.svg"
    path.parent.mkdir(exist_ok=True)
    # The command without what starts it.
    command = row.programs[OURS].command
    arguments = command[1 if Path(command[0]).name == OURS else 3 :]
    # By one process: of others nothing would be seen.
    path.write_text(flame.drawn(flame.sampled([*arguments, "--jobs", "1"]), row.name))
    return [f"![{row.name}]({PICTURES.name}/{path.name})", ""]


def missed(row: Row, rounds: Sequence[Round]) -> list[str]:
    """Return a line for each bar of a row that was missed: what stands in its way."""
    return [
        f"- {row.name}, {bar.text}: {bar.obstacle or 'not known yet.'}"
        for bar in row.bars
        if bar.verdict(rounds)[1] == "missed"
    ]


def written(
    report: list[str], pictures: list[str], left: list[str], wanting: list[str], busy: float
) -> str:
    """Return RESULTS.md."""
    out = ["# Benchmarks", "", "Made by `python -m benchmarks --write`.", "", *report, ""]
    out += [f"Load at the end: {busy:.1f}.", ""]
    if left:
        out += ["Not measured in this run:", "", *(f"- {name}" for name in left), ""]
    if wanting:
        out += ["## What stands in the way of the bars missed", "", *wanting, ""]
    out += [
        "Reports by `--jobs 2` against `--jobs 1` are measured by `python -m benchmarks.jobs`.",
        "",
    ]
    if pictures:
        out += [
            "## Where the time goes",
            "",
            "Width is processor time of a run by one process, callers are above; kernels count for "
            "what calls them.",
            "Colours: this package orange, numpy blue, Arrow green, others grey.",
            "",
            *pictures,
        ]
    return "\n".join(out).rstrip("\n") + "\n"


def main() -> None:
    """Print the table; it never fails on time, only where a program fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small files, one round")
    parser.add_argument(
        "--huge", action="store_true", help="memory, and several processes, on 2 GB too"
    )
    parser.add_argument("--pairs", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--cpu", action="store_true", help="compare processor seconds")
    parser.add_argument(
        "--write", action="store_true", help=f"write {RESULTS.name}, with a picture of some rows"
    )
    arguments = parser.parse_args()
    rounds = 1 if arguments.quick else arguments.pairs
    # As pip leaves an installed package, also where the interpreter must not write it itself.
    compileall.compile_dir(PACKAGE, quiet=2)
    report = [machine(rounds, cpu=arguments.cpu), "", *HEADING]
    pictures: list[str] = []
    wanting: list[str] = []
    left = [] if arguments.huge else ["2 GB (`--huge`)"]
    sys.stdout.write("\n".join(report) + "\n")
    with tempfile.TemporaryDirectory(prefix="wsanalyze-benchmark-") as folder:
        rows = speed_rows(Path(folder), quick=arguments.quick)
        if not arguments.quick:
            rows += [memory_row(huge=arguments.huge), jobs_row(huge=arguments.huge)]
        for row in rows:
            if arguments.only not in row.name:
                left.append(row.name)
                continue
            measured = measure_row(row, rounds, cpu=arguments.cpu)
            made = lines(row, measured)
            report += made
            wanting += missed(row, measured)
            sys.stdout.write("\n".join(made) + "\n")
            sys.stdout.flush()
            if arguments.write:
                pictures += picture_of(row)
    if arguments.write:
        RESULTS.write_text(written(report, pictures, left, wanting, os.getloadavg()[0]))
