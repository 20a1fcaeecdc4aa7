"""The verbs of the command line: `wsanalyze VERB ...`.

A verb is a line in VERBS and a file of its own, which is imported when the verb is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final

from analyzer.named_tuple import NamedTuple


class Verb(NamedTuple):
    """One verb.

    Attributes:
        summary: what it does, in one line of `wsanalyze --help`.
        module: where its function is, imported when it is called.
        function: takes the arguments after the verb and returns the exit status.
    """

    summary: str
    module: str
    function: str

    def run(self, arguments: Sequence[str]) -> int:
        """Run the verb; return the exit status."""
        status: int = getattr(import_module(self.module), self.function)(arguments)
        return status


VERBS: Final[dict[str, Verb]] = {
    "cluster": Verb("Analyse many captures on a cluster.", "analyzer.cli.cluster", "run_cluster"),
    "compare": Verb("Put two captures side by side.", "analyzer.cli.compare", "run_compare"),
    "docs": Verb("Print a page of the documentation.", "analyzer.cli.docs", "run_docs"),
    "help": Verb("Show the options of a verb.", "analyzer.cli.help", "run_help"),
    "interfaces": Verb(
        "List the interfaces that can be captured.", "analyzer.cli.interfaces", "run_interfaces"
    ),
    "live": Verb("Analyse an interface while it is captured.", "analyzer.cli.live", "run_live"),
    "messages": Verb(
        "List messages; find, show and save them.", "analyzer.cli.messages", "run_messages"
    ),
    "recover": Verb(
        "Make tables of what a live run that died left.", "analyzer.cli.recover", "run_recover"
    ),
}
"""Verbs by name."""
