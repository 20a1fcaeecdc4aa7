"""Finds the keys of a record: which epoch of its direction it is from, and which number in it.

Knows the order of keys (RFC 8446 7.1 and 4.6.3, RFC 5246 6.1), and that a tag that fits proves
them. Must not know what records say. Called by tls.decryption, for each record that the keys
in use do not open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, IntEnum
from typing import Final

from analyzer.tls.handshake import HandshakeReader
from analyzer.tls.key_schedule import next_secret
from analyzer.tls.keylog import EARLY, HANDSHAKE, Secrets
from analyzer.tls.protection import Body, Opened, Protection, Tls13
from analyzer.tls.suites import HASH_BYTES, SuiteKeys

Record = tuple[int, int, Body]
"""Content type and version in the header, and what follows it."""

_KEY_UPDATES: Final = 2
"""KeyUpdates looked for in one gap."""
_FREE_SEARCHES: Final = 16
"""Whole searches after gaps that a direction may fail from the start."""
_TRIES_PER_RECORD: Final = 64
"""Numbers that it may try more for each record that could be read: so that records that fit
nowhere cost little, and long sessions with many gaps can still be read."""


class Stage(IntEnum):
    """Which keys of TLS 1.3 a direction uses."""

    EARLY = 0
    HANDSHAKE = 1
    APPLICATION = 2


class Early(Enum):
    """What is known of early data that a direction offered (RFC 8446 4.2.10)."""

    SETTLED = 0  # none was offered, the server accepted it, or it is over
    ASKED = 1  # the server has not answered yet
    REFUSED = 2
    UNKNOWN = 3  # the answer was not captured, or cannot be read


class Miss(Enum):
    """Why a record could not be opened."""

    NO_KEYS = 0  # none known that could open it
    NO_FIT = 1  # some known for just this place, but they do not
    UNREAD = 2  # keys of later records are known, those of this one are not
    DAMAGED = 3  # records before it could be opened, or were lost
    ASKED = 4  # it may be early data, and whether that counts is not known yet
    REFUSED = 5  # it is early data that does not count
    EARLY = 6  # it is early data, and whether it counts nobody will know


class Direction:
    """What is known of one direction's records."""

    __slots__ = (
        *("at_least", "at_most", "changed", "early", "generation", "keyed", "lost", "protection"),
        *("reader", "secret", "side", "skipped", "stage", "suite", "tried", "waits"),
    )

    def __init__(self, side: int, reader: HandshakeReader) -> None:
        self.side = side
        self.reader = reader
        self.protection: Protection | None = None
        """What opened the last record; None if nothing was encrypted, or keys just changed."""
        self.lost = False
        self.at_least = self.at_most = 0
        """Records that are known to be lost."""
        self.at_most = 0
        """Records that may be lost."""
        self.skipped = 0
        """Records proven to be lost."""
        self.waits = False
        self.tried = 0
        """Numbers tried without success or after gaps."""
        # TLS 1.3
        self.stage = Stage.HANDSHAKE
        self.early = Early.SETTLED
        self.generation = 0
        self.secret = b""
        self.suite: SuiteKeys | None = None
        # TLS 1.0 to 1.2
        self.changed = False
        """A ChangeCipherSpec came, and no record after it was opened yet."""
        self.keyed: object = None
        """The handshake that the keys in use are from."""

    def __repr__(self) -> str:
        return f"<Direction {self.side}, {self.stage.name}, {self.protection}>"

    def change(self, stage: Stage | None = None) -> None:
        """Note that the next record is under other keys."""
        self.protection = None
        self.secret = b""
        if stage is not None:
            self.stage = stage

    def settle(self, answer: Early) -> None:
        """Note the answer to an offer of early data, if one is awaited."""
        if self.early is not Early.ASKED:
            return
        self.early = answer
        if answer is not Early.SETTLED:
            self.change(Stage.HANDSHAKE)

    def lose(self, at_least: int, at_most: int) -> None:
        """Note that records are lost, further ones if some were before."""
        self.lost = True
        if self.protection is not None:
            self.protection.lose()
        self.at_least += at_least
        self.at_most += max(at_least, at_most)

    def _numbers(self, first: int, least: int, most: int) -> range:
        """Return the numbers to try: from so many after `first` on."""
        if not self.lost:
            return range(first, first + 1)
        opened = 0 if self.protection is None else max(0, self.protection.sequence - self.skipped)
        allowed = _FREE_SEARCHES * most + _TRIES_PER_RECORD * opened - self.tried
        count = min(most, allowed, self.at_most - least + 1)
        return range(first + least, first + least + max(1, count))

    def seek_on(self, record: Record, most: int) -> Opened | None:
        """Open a record after a gap under the keys in use; `sequence` was tried."""
        protection = self.protection
        if protection is None or not self.lost:
            return None
        expected = protection.sequence
        numbers = self._numbers(expected, max(1, self.at_least), most)
        opened = self.seek(protection, numbers, record)
        if opened is not None:
            self._found(protection.sequence - 1 - expected)
        return opened

    def seek_new(self, protection: Protection, record: Record, most: int) -> Opened | None:
        """Open a record as one of the first under new keys, and use them if that works."""
        opened = self.seek(protection, self._numbers(0, 0, most), record)
        if opened is not None:
            self.protection = protection
            self.changed = False
            self._found(protection.sequence - 1)
        return opened

    def seek(self, protection: Protection, numbers: range, record: Record) -> Opened | None:
        """Try numbers, and count them."""
        opened = protection.seek(numbers, *record)
        if opened is None:
            self.tried += len(numbers)
        else:
            self.tried += protection.sequence - 1 - numbers.start
        return opened

    def _found(self, skipped: int) -> None:
        self.skipped += skipped
        self.lost = False
        self.at_least = self.at_most = 0


class Epoch:
    """Keys of TLS 1.3 that a direction may use."""

    __slots__ = ("generation", "secret", "stage", "suite")

    def __init__(self, stage: Stage, generation: int, secret: bytes, suite: SuiteKeys) -> None:
        self.stage = stage
        self.generation = generation
        self.secret = secret
        self.suite = suite

    def __repr__(self) -> str:
        return f"<Epoch {self.stage.name} {self.generation}>"


def open_tls13(
    direction: Direction,
    record: Record,
    secrets: Secrets | None,
    suites: tuple[SuiteKeys, ...],
    most: int,
) -> Opened | Miss:
    """Open a record of TLS 1.3 that the keys in use do not open.

    Args:
        direction: that sent it; takes note of the keys that do.
        record: the record.
        secrets: logged for the session.
        suites: that it may use: the one chosen, or those offered as long as that is not known.
        most: numbers tried after a gap (max_skipped_records).
    """
    if direction.early is Early.SETTLED:
        return _open_tls13(direction, record, secrets, suites, most)
    if direction.early is Early.ASKED:
        return Miss.ASKED
    opened = _open_tls13(direction, record, secrets, suites, most)
    if not isinstance(opened, Miss):
        direction.early = Early.SETTLED
    elif opened is not Miss.NO_KEYS:
        # RFC 8446 4.2.10: the server ignores what its handshake keys do not open, and the client
        # sends it again (D.3).
        return Miss.REFUSED if direction.early is Early.REFUSED else Miss.EARLY
    return opened


def _open_tls13(
    direction: Direction,
    record: Record,
    secrets: Secrets | None,
    suites: tuple[SuiteKeys, ...],
    most: int,
) -> Opened | Miss:
    opened = direction.seek_on(record, most)
    if opened is not None:
        return opened
    found: set[Stage] = set()
    for epoch in _epochs(direction, secrets, suites):
        found.add(epoch.stage)
        opened = direction.seek_new(Tls13(epoch.secret, epoch.suite), record, most)
        if opened is not None:
            direction.stage, direction.generation = epoch.stage, epoch.generation
            direction.secret, direction.suite = epoch.secret, epoch.suite
            return opened
    if direction.protection is not None and direction.stage != Stage.EARLY:
        return Miss.DAMAGED
    if not found:
        return Miss.NO_KEYS
    if direction.protection is not None or direction.lost:
        return Miss.DAMAGED
    return Miss.NO_FIT if direction.stage in found else Miss.UNREAD


def _epochs(
    direction: Direction, secrets: Secrets | None, suites: tuple[SuiteKeys, ...]
) -> Iterator[Epoch]:
    """Yield the keys that a direction may come to next, the likely ones first."""
    stage, lost = direction.stage, direction.lost
    if direction.protection is None:
        wanted = stage
    elif stage == Stage.EARLY:
        # EndOfEarlyData (RFC 8446 4.5) may have been lost.
        wanted = Stage.HANDSHAKE
    elif not lost:
        return
    elif stage == Stage.APPLICATION:
        yield from _updated(direction)
        return
    else:
        wanted = Stage.APPLICATION
    if secrets is None:
        return
    for each in Stage:
        if each < wanted:
            continue
        one = None
        for one in _known(direction.side, each, secrets, suites):
            yield one
        # Keys of later stages are of use only if nothing is known of this one, or lost.
        if one is not None and not lost and each != Stage.EARLY:
            return


def _updated(direction: Direction) -> Iterator[Epoch]:
    """Yield what KeyUpdates in a gap may have made of a traffic secret."""
    suite, secret = direction.suite, direction.secret
    if suite is None:
        return
    for more in range(1, _KEY_UPDATES + 1):
        secret = next_secret(secret, suite.hash)
        yield Epoch(Stage.APPLICATION, direction.generation + more, secret, suite)


def _known(
    side: int, stage: Stage, secrets: Secrets, suites: tuple[SuiteKeys, ...]
) -> Iterator[Epoch]:
    """Yield what was logged for a stage."""
    numbered: Iterable[tuple[int, bytes]]
    if stage == Stage.APPLICATION:
        numbered = secrets.traffic(side)
    else:
        label = EARLY if stage == Stage.EARLY else HANDSHAKE[side]
        numbered = ((0, secret) for secret in secrets.get(label))
    for number, secret in numbered:
        for suite in suites:
            if len(secret) == HASH_BYTES[suite.hash]:
                yield Epoch(stage, number, secret, suite)


def open_older(
    direction: Direction, record: Record, keys: Iterable[Protection], most: int
) -> Opened | Miss:
    """Open a record of TLS 1.0 to 1.2 that the keys in use do not open.

    Args:
        direction: that sent it; takes note of the keys that do.
        record: the record.
        keys: that the last handshake may have made for this direction.
        most: numbers tried after a gap (max_skipped_records).
    """
    opened = direction.seek_on(record, most)
    if opened is not None:
        return opened
    if direction.protection is not None and not direction.lost:
        return Miss.DAMAGED
    miss = Miss.NO_KEYS
    for protection in keys:
        opened = direction.seek_new(protection, record, most)
        if opened is not None:
            return opened
        miss = Miss.NO_FIT
    if direction.protection is not None or (direction.lost and miss is Miss.NO_FIT):
        return Miss.DAMAGED
    return miss
