"""`wsanalyze help [VERB]`, and `wsanalyze --help`: options and verbs.

Knows the verbs' names. Called by cli.main and through cli.verbs.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.cli.verbs import VERBS
from analyzer.errors import OptionError


def run_help(arguments: Sequence[str]) -> int:
    """Show the help of a verb, or of the command with the list of its verbs.

    Raises:
        OptionError: There is no such verb.
    """
    names = [name for name in arguments if name not in ("-h", "--help")]
    if not names:
        from analyzer.cli.analyze_arguments import app

        app(["--help"], prog_name="wsanalyze", standalone_mode=False)
        _list_verbs()
        return 0
    verb = VERBS.get(names[0])
    if verb is None:
        raise OptionError(
            f"there is no verb {names[0]!r}", hint=f"the verbs are {', '.join(sorted(VERBS))}"
        )
    return verb.run(["--help"]) if names[0] != "help" else run_help([])


def _list_verbs() -> None:
    """Print the verbs as the options before them are printed."""
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for name in sorted(VERBS):
        table.add_row(Text(name, style="bold cyan"), VERBS[name].summary)
    console = Console()
    console.print(
        Panel(
            table,
            title="Verbs (wsanalyze VERB ...; wsanalyze help VERB)",
            title_align="left",
            border_style="dim",
        )
    )
