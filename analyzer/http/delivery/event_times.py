"""Event times: messages of a stream that say when they came about, and came together though.

What comes together though it came about apart has waited somewhere before the point of capture: in
the server, or in a proxy that buffers; the packets do not say in which. Knows times in text. Must
not know bodies. Used by http.delivery.deliveries; docs/numbers.md has the rule.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from analyzer.lazy_pattern import lazy_pattern

LOOKED_AT: Final = 512
"""Bytes of a message in which a time is sought."""
_TRIES: Final = 16
"""Messages without a time, one after the other, after which a stream has none."""
TOGETHER_NS: Final = 10_000_000
"""Messages of one buffer come as fast as a path carries some kB."""
APART_NS: Final = 50_000_000
"""What came about in less time may well have been written together."""
_TIMES_FASTER: Final = 10
"""What came together took at most this part of the time in which it came about."""
_FEWEST: Final = 3
"""Times that it must have happened: a pause of the path or of the server is no buffer."""
_NEAR_NS: Final = 86_400_000_000_000
"""A number is a time only if it lies within a day of the capture's clock."""
_MOST: Final = 1024
"""Messages of which times are kept that came together."""
_NS: Final = 1_000_000_000

_STAMP: Final = lazy_pattern(
    rb'"(\w{1,32})"\s*:\s*"?('
    rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    rb'|\d{10}(?:\.\d{1,9})?|\d{13}(?:\.\d{1,6})?|\d{16}|\d{19})"?\s*[,}\]]'
)
_UNITS: Final = {10: _NS, 13: 1_000_000, 16: 1000, 19: 1}


def stamp_of(text: bytes, near: int, name: bytes | None = None) -> tuple[bytes, int, int] | None:
    """Return the name, the ns and the resolution in ns of the first time in a JSON text.

    Args:
        text: how a message begins.
        near: ns; a time is within a day of it.
        name: of the member that has it; None: any.
    """
    for match in _STAMP.finditer(text[:LOOKED_AT]):
        if name is not None and match[1] != name:
            continue
        found = _ns_of(match[2].decode())
        if found is not None and abs(found[0] - near) < _NEAR_NS:
            return match[1], *found
    return None


def _ns_of(value: str) -> tuple[int, int] | None:
    """Return ns since 1970 and the resolution; None where it is no date."""
    whole, _, fraction = value.partition(".")
    if "-" in value:
        zone = ""
        for place in (fraction.find(mark) for mark in "Z+-"):
            if place >= 0:
                fraction, zone = fraction[:place], fraction[place:]
                break
        try:
            moment = datetime.fromisoformat(whole + zone)
        except ValueError:
            return None
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        unit, seconds = _NS, int(moment.timestamp())
    else:
        unit, seconds = _UNITS[len(whole)], int(whole)
    resolution = unit // 10 ** len(fraction) if fraction else unit
    return seconds * unit + int(fraction or 0) * resolution, max(1, resolution)


class EventTimes:
    """The times of one stream's messages.

    Attributes:
        timed: messages with a time.
    """

    __slots__ = (
        *("_arrived", "_bursts", "_first", "_least", "_name", "_opening", "_said", "_untimed"),
        *("_resolution", "timed"),
    )

    def __init__(self) -> None:
        self.timed = 0
        self._name: bytes | None = None
        self._untimed = 0
        self._resolution = 1
        self._first = self._arrived = 0
        self._said: list[int] = []  # times of the messages that came together
        self._opening = True
        self._least: int | None = None
        # Of each burst that waited: messages, the longest wait, how late its last one was, all
        # waits.
        self._bursts: list[tuple[int, int, int, int]] = []

    def take(self, time: int, text: bytes) -> None:
        """Take a message; times of capture in ns."""
        if self._untimed >= _TRIES:
            return
        found = stamp_of(text, time, self._name)
        if found is None:
            self._untimed += 1
            return
        self._name, said, self._resolution = found
        self._untimed = 0
        self.timed += 1
        if self._said and (time - self._arrived > TOGETHER_NS or len(self._said) >= _MOST):
            self._close()
        if not self._said:
            self._first = time
        self._said.append(said)
        self._arrived = time

    def _close(self) -> None:
        """Judge the messages that came together."""
        said, self._said = self._said, []
        late = self._arrived - said[-1]
        self._least = late if self._least is None else min(self._least, late)
        if self._opening:
            # Whoever opens a stream is often given what he missed.
            self._opening = False
            return
        least = APART_NS + self._resolution
        waits = [said[-1] - each for each in said]
        in_order = all(one <= other for one, other in pairwise(said))
        if in_order and waits[0] >= max(least, _TIMES_FASTER * (self._arrived - self._first)):
            held = sum(wait >= least for wait in waits)
            if len(self._bursts) < _MOST:
                self._bursts.append((held, waits[0], late, sum(waits)))

    def held(self) -> tuple[int, int, int]:
        """Close the stream; return how many messages waited for later ones, ns at most and in all.

        The last of those that came together is about as fresh as any other message: else the times
        in them say something else.
        """
        if self._said:
            self._close()
        least = self._least or 0
        some = [each for each in self._bursts if each[2] - least <= each[1] // 2]
        if len(some) < _FEWEST:
            return 0, 0, 0
        return (
            sum(held for held, *_ in some),
            max(wait for _, wait, *_ in some),
            sum(total for *_, total in some),
        )
