"""Small messages that could have gone together.

Knows rows of `messages`. Called by the stage through rules.RULES.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analyzer.columns import NULL
from analyzer.diagnosis import causes
from analyzer.diagnosis.causes import Diagnosis
from analyzer.diagnosis.evidence import MOST, packets, side_name
from analyzer.diagnosis.facts import CLIENT, SERVER, numbers
from analyzer.diagnosis.keyed import Keyed
from analyzer.diagnosis.runs import Run, keys_of
from analyzer.options import Options
from analyzer.tables.schema import TableRows
from analyzer.wording import duration, number, plural, size

_COUNT, _HEADERS, _PAYLOAD, _SAVED, _FIRST = range(5)


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
        gap = numbers(rows, "gap_us")
        first = numbers(rows, "packet_first")
        # In a packet of its own, or there is nothing to save.
        near = run.own & (gap >= 0) & (gap <= self._near) & (first > run.packet_before)
        some = np.flatnonzero(near)
        payload = numbers(rows, "transfer_bytes")[some]
        headers = numbers(rows, "wire_bytes")[some] - payload
        places = self._sums.places(run.key[some])
        small = (payload >= 0) & (headers >= payload) & (places >= 0)
        if not small.any():
            return
        some, payload, headers = some[small], payload[small], headers[small]
        saved = numbers(rows, "packet_header_bytes")[some].clip(0)
        saved += numbers(rows, "ack_bytes")[some].clip(0)
        sums, at = self._sums.values, places[small]
        for column, values in (
            (_COUNT, np.ones(len(some), np.int64)),
            (_HEADERS, headers),
            (_PAYLOAD, payload),
            (_SAVED, saved),
        ):
            np.add.at(sums[column], at, values)
        unknown = np.flatnonzero(sums[_FIRST, at] == 0)[::-1]
        # Backwards, so that of several messages of one side the first one stays.
        sums[_FIRST, at[unknown]] = first[some][unknown]

    def diagnoses(self) -> Iterator[Diagnosis]:
        """Yield one for each sender whose small messages are worth a word."""
        sums = self._sums.values
        habit = np.flatnonzero(sums[_COUNT] >= self._options.chatty_messages)
        for side in (CLIENT, SERVER):
            some = habit[(habit + self._sums.base) % 2 == side]
            saved = int(sums[_SAVED, some].sum())
            if saved < self._options.chatty_bytes:
                continue
            count, headers, payload = (
                int(sums[column, some].sum()) for column in (_COUNT, _HEADERS, _PAYLOAD)
            )
            owners = ((some + self._sums.base) // 2).tolist()
            firsts = [packet for packet in sums[_FIRST, some].tolist() if packet != NULL]
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
