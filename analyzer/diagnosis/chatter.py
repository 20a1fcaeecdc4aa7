"""Small messages that could have gone together.

Knows rows of `messages`. Called by the stage through rules.RULES.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analyzer.columns import NULL
from analyzer.diagnosis import _runs, causes
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.evidence import MOST, packets, side_name
from analyzer.diagnosis.facts import CLIENT, SERVER, numbers
from analyzer.diagnosis.keyed import Keyed
from analyzer.diagnosis.runs import Run, keys_of
from analyzer.options import Options
from analyzer.tables.schema import TableRows
from analyzer.wording import duration, number, plural, size

_COSTS = ("transfer_bytes", "wire_bytes", "packet_header_bytes", "ack_bytes")


class Chatter:
    """Adds up, by connection and side, small messages that follow each other closely.

    Args:
        options: thresholds.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._near = round(options.chatty_us * 1000)
        self._sums = Keyed(5, keys_of(options), 0)

    def add(self, rows: TableRows, run: Run) -> None:
        """Take rows of `messages`."""
        first = numbers(rows, "packet_first")
        chosen = np.empty(rows.count, np.uint8)
        # In a packet of its own, or there is nothing to save.
        highest = _runs.near(
            *(run.key, run.own.view(np.uint8), run.packet_before),
            *(numbers(rows, "gap_us"), first, self._near, chosen),
        )
        if highest < 0:
            return
        self._sums.reach(highest)
        costs = tuple(numbers(rows, name) for name in _COSTS)
        _runs.add_small(self._sums.values, self._sums.base, run.key, chosen, first, costs)

    def diagnoses(self) -> Iterator[Diagnosis]:
        """Yield one for each sender whose small messages are worth a word."""
        sums = self._sums.values
        habit = np.flatnonzero(sums[_runs.COUNT] >= self._options.chatty_messages)
        for side in (CLIENT, SERVER):
            some = habit[(habit + self._sums.base) % 2 == side]
            saved = int(sums[_runs.SAVED, some].sum())
            if saved < self._options.chatty_bytes:
                continue
            count, headers, payload = (
                int(sums[column, some].sum())
                for column in (_runs.COUNT, _runs.HEADERS, _runs.PAYLOAD)
            )
            owners = ((some + self._sums.base) // 2).tolist()
            firsts = [packet for packet in sums[_runs.FIRST, some].tolist() if packet != NULL]
            who = side_name(side)
            yield Diagnosis(
                cause=causes.CHATTY,
                text=f"{plural(count, 'message')} of {who} on {plural(len(owners), 'connection')} "
                f"came within {duration(self._near)} of the one before, each in packets of its "
                f"own: {size(headers)} of headers and ACKs for {size(payload)} of payload. Sent "
                f"together they would save up to {size(saved)}.",
                connections=len(owners),
                connection=min(owners),
                packet=min(firsts, default=NULL),
                bytes=saved,
                evidence={
                    "packets": packets(firsts),
                    "connections": owners[:MOST],
                    "sent_by": who.split()[-1],
                    "messages": count,
                    "header_bytes": headers,
                    "payload_bytes": payload,
                    "saved_bytes": saved,
                    "within": number(round(self._near / 1000)) + " µs",
                },
            )
