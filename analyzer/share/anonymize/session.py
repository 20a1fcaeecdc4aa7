"""A TLS session with false content: opened with the keys at hand, sealed with others.

The keys of the new records are made for the file and go into it; nothing in it helps to read the
original, whose records somebody else may have. Where a record cannot be opened it becomes noise.
Knows sessions. Must not know what applications say: it is handed who rewrites that. Used by
records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from analyzer.named_tuple import NamedTuple
from analyzer.options import Options
from analyzer.share.anonymize.ordered import Funnel, Slot
from analyzer.share.anonymize.sealing import Record, Seal, Tls13Seal, older_seal
from analyzer.share.anonymize.tls import Handshake
from analyzer.share.anonymize.words import Words
from analyzer.tls.decryption import Decryptor
from analyzer.tls.epochs import Direction, Stage
from analyzer.tls.key_schedule import MASTER_BYTES, key_block, next_secret
from analyzer.tls.keylog import CLIENT_RANDOM, EARLY, HANDSHAKE, TRAFFIC, KeyRing
from analyzer.tls.protection import Opened, Protection
from analyzer.tls.records import APPLICATION_DATA
from analyzer.tls.suites import HASH_BYTES, SuiteKeys, suite_keys

_MAX_QUEUED: Final = 1 << 20
"""Bytes of records that wait for the other side's hello, or for its answer to early data."""

KeyLog = dict[tuple[str, bytes], bytes]
"""Label and client random -> secret, as a key log has them."""


class Inner(Protocol):
    """Rewrites what one side's application sends."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return those that are settled, in order."""

    def gap(self, length: int) -> bytes:
        """Take notice of bytes that are missing."""

    def finish(self) -> bytes:
        """Return what is still waiting."""


class _Keys(NamedTuple):
    """What opened a record."""

    protection: Protection
    stage: int
    generation: int
    suite: SuiteKeys | None


class _Watched(Decryptor):
    """Says which keys opened a record, before its content changes them."""

    def __init__(self, ring: KeyRing, options: Options) -> None:
        super().__init__(ring, options)
        self._used: _Keys | None = None

    def opened(
        self, side: int, kind: int, version: int, body: bytes
    ) -> tuple[Opened | None, _Keys | None]:
        """Open a record; return what it holds, and with which keys: None in the clear."""
        direction = self._directions[side]
        before = direction.protection
        number = -1 if before is None else before.sequence
        self._used = None
        opened = self.record(side, kind, version, body)
        used = self._used or _keys_of(direction)
        if used is not None and used.protection is before and before.sequence == number:
            used = None
        return opened, used

    def _content(self, direction: Direction, kind: int, content: bytes) -> None:
        self._used = _keys_of(direction)
        super()._content(direction, kind, content)


def _keys_of(direction: Direction) -> _Keys | None:
    if direction.protection is None:
        return None
    return _Keys(direction.protection, direction.stage, direction.generation, direction.suite)


class _Side:
    """What one side sends."""

    def __init__(self, words: Words, inner: Inner) -> None:
        self.handshake = Handshake(words)
        self.inner = inner
        self.queue: deque[tuple[Slot, int, int, bytes]] = deque()
        self.contents = Funnel()
        self.unsealed: deque[tuple[Slot, Slot, Seal, Record]] = deque()
        """Content that waits, and the record that it goes into."""
        self.seal: Seal | None = None
        """Of the last record."""


class Session:
    """Both directions of a TLS session.

    Args:
        words: of the file.
        ring: keys at hand.
        options: of the analysis.
        inner: makes what rewrites a side's application data.
        log: takes the secrets of the new records.
    """

    def __init__(
        self,
        words: Words,
        ring: KeyRing,
        options: Options,
        inner: Callable[[], Inner],
        log: KeyLog,
    ) -> None:
        self._words = words
        self._log = log
        self._decryptor: _Watched | None = _Watched(ring, options) if ring else None
        self._sides = _Side(words, inner()), _Side(words, inner())
        self._seals: dict[Protection, Seal] = {}
        self._queued = 0

    @property
    def overwritten(self) -> int:
        """Bytes of records that became noise."""
        return sum(side.handshake.overwritten for side in self._sides)

    @property
    def is_sealed(self) -> bool:
        """Whether records were encrypted anew."""
        return bool(self._seals)

    def record(self, number: int, slot: Slot, kind: int, version: int, body: bytes) -> None:
        """Take the next record of a side; its new body goes into `slot`, by and by."""
        side = self._sides[number]
        if self._decryptor is None:
            slot.fill(side.handshake.record(kind, body))
            return
        side.queue.append((slot, kind, version, body))
        self._queued += len(body)
        self._go_on()
        if self._queued > _MAX_QUEUED:
            self._give_up()

    def lost(self, number: int, length: int) -> None:
        """Note that the content of one record of a side is missing."""
        side = self._sides[number]
        if self._decryptor is not None:
            self._decryptor.lost(number, 1, 1)
            side.contents.expect(Slot(length))
            self._take(side, side.inner.gap(length))

    def finish(self) -> None:
        """Nothing comes any more."""
        if self._decryptor is not None:
            self._decryptor.expect_no_answer()
            self._go_on()
        self._give_up()
        for side in self._sides:
            self._take(side, side.inner.finish())
            self._take(side, bytes(side.contents.lacks))

    def _give_up(self) -> None:
        """Overwrite what waits for keys, and all that follows."""
        if self._decryptor is not None:
            self._decryptor.let_go()
            self._decryptor = None
        for side in self._sides:
            for slot, kind, _, body in side.queue:
                slot.fill(side.handshake.record(kind, body))
            side.queue.clear()
        self._queued = 0

    def _go_on(self) -> None:
        """Read what can be read by now: each side may wait for the other."""
        going_on = True
        while going_on:
            going_on = False
            for number, side in enumerate(self._sides):
                while side.queue and self._decryptor is not None:
                    if not self._next(self._decryptor, number, side):
                        break
                    going_on = True

    def _next(self, decryptor: _Watched, number: int, side: _Side) -> bool:
        """Take the first record that waits; return False if it has to wait on."""
        slot, kind, version, body = side.queue[0]
        opened, keys = decryptor.opened(number, kind, version, body)
        if opened is None and decryptor.waits(number):
            hellos = decryptor.client is not None, decryptor.server is not None
            if any(hellos) and (not all(hellos) or decryptor.asks):
                return False
            # Both hellos are there, or were not captured: no keys will come.
            self._give_up()
            return False
        side.queue.popleft()
        self._queued -= len(body)
        if opened is None or (keys is None and opened[2] != body):
            self._write(side, slot, side.handshake.noise(body))
        elif keys is None:
            self._write(side, slot, side.handshake.record(kind, body))
        else:
            record = Record(keys.protection.sequence - 1, kind, version, body, opened[0])
            self._sealed(decryptor, number, slot, record, keys, opened[2])
        return True

    def _write(self, side: _Side, slot: Slot, body: bytes) -> None:
        slot.fill(body)
        if side.seal is not None:
            side.seal.pass_by(body)

    def _sealed(
        self,
        decryptor: _Watched,
        number: int,
        slot: Slot,
        record: Record,
        keys: _Keys,
        content: bytes,
    ) -> None:
        side = self._sides[number]
        seal = self._seals.get(keys.protection)
        if seal is None:
            seal = self._seals[keys.protection] = self._new_seal(decryptor, number, keys)
        side.seal = seal
        waits = Slot(len(content))
        side.unsealed.append((waits, slot, seal, record))
        if record.inner == APPLICATION_DATA:
            side.contents.expect(waits)
            self._take(side, side.inner.feed(content))
        else:
            waits.fill(side.handshake.opened(record.inner, content))
            self._take(side, b"")

    def _take(self, side: _Side, content: bytes) -> None:
        """Take content that is settled, and seal the records that have all of theirs."""
        side.contents.write(content)
        # In their order: with TLS 1.0 a record's vector is in the one before it.
        while side.unsealed and not side.unsealed[0][0].lacks:
            waited, slot, seal, record = side.unsealed.popleft()
            slot.fill(seal.seal(record, waited.take()))

    # --- keys of the file's own

    def _new_seal(self, decryptor: _Watched, number: int, keys: _Keys) -> Seal:
        client, server = decryptor.client, decryptor.server
        assert client is not None
        random = client.random
        if keys.suite is not None:
            label, secret = self._secret(random, number, keys, HASH_BYTES[keys.suite.hash])
            self._log[label, random] = secret
            return Tls13Seal(secret, keys.suite)
        assert server is not None
        suite = suite_keys(server.cipher_suite)
        assert suite is not None
        master = self._words.noise(b"master".ljust(MASTER_BYTES) + random)[:MASTER_BYTES]
        self._log[CLIENT_RANDOM, random] = master
        made = key_block(master, random, server.random, version=server.version, suite=suite)
        return older_seal(
            made[number], suite, server.version, encrypt_then_mac=server.encrypt_then_mac
        )

    def _secret(self, random: bytes, number: int, keys: _Keys, size: int) -> tuple[str, bytes]:
        """Return label and traffic secret of TLS 1.3."""
        label = EARLY
        if keys.stage != Stage.EARLY:
            label = (HANDSHAKE if keys.stage == Stage.HANDSHAKE else TRAFFIC)[number]
        secret = self._words.noise(label.encode().ljust(64) + random)[:size]
        if keys.stage != Stage.APPLICATION:
            return label, secret
        assert keys.suite is not None
        for _ in range(keys.generation):
            secret = next_secret(secret, keys.suite.hash)
        return f"{label}{keys.generation}", secret


def key_log(log: KeyLog) -> bytes:
    """Return secrets as lines of a key log."""
    return "".join(
        f"{label} {random.hex()} {secret.hex()}\n" for (label, random), secret in log.items()
    ).encode()
