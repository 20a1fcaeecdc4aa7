"""What came before each message: its own sender's last one, or the peer's.

Knows numbers of messages. Used by chatter.py and stalls.py through traffic.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.diagnosis.facts import codes, numbers
from analyzer.diagnosis.keyed import Keyed, Numbers
from analyzer.lazy_dataclass import dataclass
from analyzer.tables.schema import TableRows

SPAN = 1 << 18
"""Connections between the lowest and the highest number of which something is remembered, two
sides each: eight times as many as are diagnosed. 8 bytes for each number kept."""


@dataclass(frozen=True, slots=True)
class Run:
    """Rows of `messages` of one batch, sorted by connection and side.

    Attributes:
        order: places of the rows.
        key: of each, 2 * connection + side.
        number: of the message in its connection.
        own: the message before it in the connection is of the same sender.
        answers: it is of the peer.
        packet_before: last packet of its sender's message before; NULL for the first.
    """

    order: npt.NDArray[np.intp]
    key: Numbers
    number: Numbers
    own: npt.NDArray[np.bool_]
    answers: npt.NDArray[np.bool_]
    packet_before: Numbers


class Runs:
    """Remembers the last message of each side of each connection.

    Rows of one side come in order; those of both sides need not, since a row leaves when its
    message is acknowledged. The number says what is between two of one side.
    """

    def __init__(self) -> None:
        self._last = Keyed(2, 2 * SPAN, NULL)

    def follow(self, rows: TableRows) -> Run:
        """Take rows of `messages`, and say what came before each."""
        key = 2 * numbers(rows, "connection") + codes(rows, "direction")
        order = np.argsort(key, kind="stable")
        key = key[order]
        number, packet = numbers(rows, "message")[order], numbers(rows, "packet_last")[order]
        first = np.r_[True, key[1:] != key[:-1]] if len(key) else np.zeros(0, np.bool_)
        number_before = np.r_[NULL, number[:-1]] if len(key) else number
        packet_before = np.r_[NULL, packet[:-1]] if len(key) else packet
        places = self._last.places(key)
        starts = np.flatnonzero(first & (places >= 0))
        number_before[first] = packet_before[first] = NULL
        number_before[starts], packet_before[starts] = self._last.values[:, places[starts]]
        ends = np.flatnonzero(np.r_[first[1:], True] & (places >= 0)) if len(key) else starts
        self._last.values[0, places[ends]] = number[ends]
        self._last.values[1, places[ends]] = packet[ends]
        own = (number_before != NULL) & (number == number_before + 1)
        return Run(order, key, number, own, ~own & (number > 0), packet_before)
