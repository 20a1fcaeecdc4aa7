"""`wsanalyze compare A B`: two captures side by side, and what lies between them.

Where both hold one connection, captured at its two ends, that is shown first.

Knows arguments and the report. Errors are answered by cli.main. Called through cli.verbs.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from analyzer.cli.arguments import REPORTS, Keys, NoProgress, Quiet, Where
from analyzer.cli.shared import pipes, progress, say_if_slow
from analyzer.errors import OptionError

STDOUT = "-"

_compare = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CaptureA = Annotated[Path, typer.Argument(metavar="A", help="A capture, a folder of them, or -.")]
CaptureB = Annotated[Path, typer.Argument(metavar="B", help="What to compare it with.")]
CsvFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Write the table as CSV; - is standard output.",
        rich_help_panel=REPORTS,
    ),
]
JsonFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Write the table, and those of --paths and --changes, as JSON; - is standard output.",
        rich_help_panel=REPORTS,
    ),
]
PathsFile = Annotated[
    str | None,
    typer.Option(
        "--paths",
        metavar="FILE",
        help="Write how long messages took from one capture to the other, as CSV (or .json).",
        rich_help_panel=REPORTS,
    ),
]
ChangesFile = Annotated[
    str | None,
    typer.Option(
        "--changes",
        metavar="FILE",
        help="Write what was changed between the captures, as CSV (or .json).",
        rich_help_panel=REPORTS,
    ),
]


@_compare.command()
def compare(
    a: CaptureA,
    b: CaptureB,
    csv: CsvFile = None,
    json: JsonFile = None,
    paths_file: PathsFile = None,
    changes_file: ChangesFile = None,
    keys: Keys = [],  # noqa: B006  typer copies it
    where: Where = None,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> int:
    """Put two captures side by side: the same figures of both, difference and ratio.

    Handshake timings, bytes of a message, overhead, delay, and how connections ended.
    B is called better or worse only where less is better and both rest on enough samples.

    Connections that both captures hold, made at the client and at the server, come first:
    how the clocks differ, one-way times, what was lost between, and what was changed.

    Exit status: 0 compared, 2 cannot be done.
    """
    from analyzer.analysis import compared
    from analyzer.options import Options

    targets = (csv, json, paths_file, changes_file)
    if targets.count(STDOUT) > 1:
        raise OptionError(
            "two of --csv, --json, --paths and --changes want standard output",
            hint="give all but one a file name",
        )
    with pipes(), _tables(*targets) as write:
        say_if_slow([a, b])
        with progress([a, b], wanted=not no_progress) as on_progress:
            # Payload is never shown here.
            options = Options(payload="none", keys=tuple(map(str, keys)))
            made = compared([a], [b], options, where=where, on_progress=on_progress)
        write([made.rows(), *made.between_rows()])
        if not quiet and STDOUT not in targets:
            from analyzer.report.comparison import render
            from analyzer.report.layout import make_console

            names = ("standard input" if str(path) == "-" else str(path) for path in (a, b))
            render(made, (next(names), next(names)), make_console(sys.stdout), where)
    return 0


@contextlib.contextmanager
def _tables(
    csv: str | None, json: str | None, paths: str | None, changes: str | None
) -> Iterator[Callable[[Sequence[Any]], None]]:
    """Open the files that are asked for; yield what writes each table to those that hold it."""
    from analyzer.report.cells import Dialect
    from analyzer.report.single import SingleTable
    from analyzer.tables.schema import CHANGES, COMPARISON, PATHS, Table

    made: list[SingleTable] = []

    def dialect(name: str) -> Dialect:
        return "json" if name.endswith(".json") else "csv"

    def write(tables: Sequence[Any]) -> None:
        rows = {each.table.name: each for each in tables}
        for each in made:
            each.write([rows[table.name] for table in each.tables])
        for each in made:
            each.close()

    try:
        wanted: list[tuple[str | None, list[Table], Dialect]] = [
            (csv, [COMPARISON], "csv"),
            (json, [COMPARISON, PATHS, CHANGES], "json"),
            (paths, [PATHS], dialect(paths or "")),
            (changes, [CHANGES], dialect(changes or "")),
        ]
        for name, held, kind in wanted:
            if name is not None:
                target: Any = sys.stdout.buffer if name == STDOUT else name
                made.append(SingleTable(target, held, kind))
        yield write
    except BaseException:
        for each in made:
            each.abort()
        raise


def run_compare(arguments: Sequence[str]) -> int:
    """Run the verb; return the exit status."""
    given = list(arguments) or ["--help"]
    status: Any = _compare(given, prog_name="wsanalyze compare", standalone_mode=False)
    return status if isinstance(status, int) else 0
