"""The verb `recover`: tables of what a live run that died left behind.

Knows the terminal. Must not know files. Called by verbs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from analyzer.cli.shared import pipes
from analyzer.errors import OptionError

OK = 0

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def recover(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...",
            help="What --csv, --parquet or --rotate named, or the folder of a --json file.",
            show_default=False,
        ),
    ],
) -> int:
    """Make tables of what a live run that died (SIGKILL, power) left behind.

    Its rows are in DIR/*.part, up to the last second (Parquet: the last five
    seconds). They become the tables that the run would have written.
    """
    from analyzer.report.recovery import recover as recovered
    from analyzer.report.wording import printable

    made = [each for folder in folders for each in recovered(folder)]
    if not made:
        names = ", ".join(map(str, folders))
        raise OptionError(f"there is nothing to recover in {names}", hint="no *.part files")
    with pipes():
        for each in made:
            text = f"{each.target}: {each.kind}, {each.rows} rows in {each.tables} tables"
            sys.stdout.write(printable(text) + "\n")
    return OK


def run_recover(arguments: Sequence[str]) -> int:
    """Run the verb `recover`; without arguments it shows its help."""
    status: Any = app(
        list(arguments) or ["--help"], prog_name="wsanalyze recover", standalone_mode=False
    )
    return status if isinstance(status, int) else OK
