"""The verb `interfaces`: what packets can be captured on.

Knows the terminal. Must not know captures. Called by verbs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.cli.shared import pipes

if TYPE_CHECKING:
    from analyzer.capture.interfaces import Interface

OK = 0

listing = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@listing.command()
def interfaces(
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> int:
    """List the interfaces that packets can be captured on.

    Where standard output is no terminal: JSON.
    """
    found = _found()
    with pipes():
        if json or not sys.stdout.isatty():
            _list_json(found)
        else:
            _list(found)
    return OK


def _found() -> list[Interface]:
    from analyzer.capture.interfaces import EVERY, listed

    try:
        return [*listed(), EVERY]
    except OSError:  # not Linux
        from analyzer.capture.sockets import others

        return others()


def _list_json(found: Sequence[Interface]) -> None:
    from json import dumps

    rows = [
        {
            "name": each.name,
            "state": "up" if each.up else "down",
            "link_type": each.link_type,
            "link": each.kind,
            "addresses": list(each.addresses),
            "note": each.note,
        }
        for each in found
    ]
    sys.stdout.write(dumps({"interfaces": rows}, indent=1) + "\n")


def _list(found: Sequence[Interface]) -> None:
    from analyzer.report.layout import Head, make_console, table

    heads = [
        Head("interface", "left"),
        Head("state", "left"),
        Head("link", "left"),
        Head("addresses", "left", flexible=True),
        Head("note", "left"),
    ]
    rows = [
        [
            each.name,
            "up" if each.up else "down",
            each.kind,
            " ".join(each.addresses),
            each.note,
        ]
        for each in found
    ]
    table(make_console(sys.stdout), heads, rows)


def run_interfaces(arguments: Sequence[str]) -> int:
    """Run the verb `interfaces`."""
    answer: Any = listing(list(arguments), prog_name="wsanalyze interfaces", standalone_mode=False)
    return answer if isinstance(answer, int) else OK
