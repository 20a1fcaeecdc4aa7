"""--where of a live run: an expression over what is known when a connection opens.

Knows the columns and how conditions are evaluated (selection). Must not know captures. Called by
the verb `live`, before rights are given up: pandas is loaded here.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.errors import OptionError
from analyzer.selection import Condition, Mask, to_frame
from analyzer.tables.declare import take_rows
from analyzer.tables.schema import CONNECTIONS, Table, TableRows
from analyzer.tables.timing import columns_of

KNOWN: Final = (
    *("client_ip", "client_port", "server_ip", "server_port"),
    *("host", "path", "scheme", "subprotocol", "http_version"),
)
"""Columns of `connections` that never change once it has opened."""

OPENED: Final = Table(
    "opened connections",
    CONNECTIONS.text,
    tuple(next(each for each in CONNECTIONS.columns if each.name == name) for name in KNOWN),
)


class Choice:
    """Says of connections that open whether they are wanted.

    Args:
        where: the expression, of the grammar of --where for files, over KNOWN columns.

    Raises:
        OptionError: It names another column, looks at more than one connection at a time, or is
            no condition.
    """

    def __init__(self, where: str) -> None:
        self._condition = Condition(where, [OPENED], one="connection")
        # Loads what evaluation takes, and finds what is wrong with any row, before the run.
        self._condition.holds(to_frame(TableRows(OPENED, columns_of(OPENED.columns, []), 0)))

    def __call__(self, rows: TableRows) -> Mask:
        """Return which rows of `connections` are wanted.

        An expression that fails on a value from traffic (`path.astype('int') > 3`) does not hold
        for it.
        """
        known = {name: rows.values[name] for name in KNOWN}
        some = TableRows(OPENED, known, rows.count)
        try:
            return self._condition.holds(to_frame(some))
        except OptionError:
            if rows.count == 1:
                return np.zeros(1, bool)
        return np.concatenate([self(take_rows(some, [at])) for at in range(rows.count)])
