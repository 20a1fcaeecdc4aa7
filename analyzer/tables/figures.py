"""Figures of a capture that only a comparison needs, gathered as rows pass.

The summary gathers what every report shows; these are left out of it, so that an
ordinary run does not pay for them. Knows the tables' rows. Memory is bounded as the
summary's. Made by analysis.compare, fed by the pipeline as a Writer.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.tables.samples import Samples
from analyzer.tables.schema import TableRows

MORE_MESSAGE_SUMS = (
    *("ws_header_bytes", "http_bytes", "tls_bytes"),
    *("packet_header_bytes", "ack_bytes"),
)
"""Columns of `messages` that the summary does not add up."""


class Figures:
    """A Writer that adds up.

    Attributes:
        messages: by direction: MORE_MESSAGE_SUMS, and "sized": messages with a payload_bytes.
        delivery: samples (ns) of delivery_us.
        http_wire_bytes: of all plain HTTP exchanges.
    """

    def __init__(self) -> None:
        self.messages: list[Counter[str]] = [Counter(), Counter()]
        self.delivery = Samples()
        self.http_wire_bytes = 0

    def write(self, rows: TableRows) -> None:
        """Take some complete rows of a table."""
        if rows.table.name == "messages":
            self._add_messages(rows)
        elif rows.table.name == "http":
            self.http_wire_bytes += int(_numbers(rows, "wire_bytes").sum())

    def close(self) -> None:
        """Do nothing (Writer)."""

    def abort(self) -> None:
        """Do nothing (Writer)."""

    def _add_messages(self, rows: TableRows) -> None:
        directions = _numbers(rows, "direction")
        sized = _numbers(rows, "payload_bytes") != NULL
        for side, counts in enumerate(self.messages):
            mine = directions == side
            counts["sized"] += int(np.count_nonzero(mine & sized))
            for name in MORE_MESSAGE_SUMS:
                counts[name] += int(_numbers(rows, name)[mine].sum())
        times = _numbers(rows, "delivery_us")
        known = times != NULL
        self.delivery.add(times[known], _numbers(rows, "connection")[known])


def _numbers(rows: TableRows, name: str) -> npt.NDArray[np.int64]:
    return np.asarray(cast("Any", rows.values[name]), np.int64)
