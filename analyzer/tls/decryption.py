"""Decrypts one TLS session with logged keys: records in, what they hold out.

Knows how a handshake changes keys: RFC 8446 2, 4.6 and D.4, RFC 5246 7. Must not know packets,
times or rows; finds keys by tls.epochs, and opens records by tls.protection. Called by
tls.stage for each session of which keys may be known. Nothing in traffic raises; no text that is
made here holds a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from analyzer.options import DEFAULT, Options
from analyzer.tls import handshake, hello
from analyzer.tls.epochs import Direction, Early, Miss, Stage, open_older, open_tls13
from analyzer.tls.handshake import HandshakeReader, Transcript
from analyzer.tls.hello import ClientHello, ServerHello
from analyzer.tls.key_schedule import (
    extended_master_secret,
    key_block,
    master_secret,
    next_secret,
    session_hashes,
)
from analyzer.tls.keylog import CLIENT_RANDOM, PREMASTER, KeyRing, Secrets
from analyzer.tls.names import TLS_1_0, TLS_1_3, suite_name, version_name
from analyzer.tls.protection import Body, Opened, Protection, Tls13, is_possible, protection
from analyzer.tls.records import (
    ALERT,
    ALERT_BYTES,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    HEARTBEAT,
    Answer,
)
from analyzer.tls.suites import SuiteKeys, suite_keys

CLIENT: Final = 0
SERVER: Final = 1

_MAX_NOTED: Final = 16
"""Alerts and faults kept of a session."""
_NOTHING: Final = (HANDSHAKE, 0, b"")
"""What a record holds that the server ignored."""


class Decryptor:
    """One TLS session.

    Sides are those of the session: 0 client, 1 server.

    Args:
        ring: where keys are looked up, again for each record that waits for them.
        options: of the analysis.
    """

    def __init__(self, ring: KeyRing, options: Options = DEFAULT) -> None:
        self._ring = ring
        self._most = options.max_skipped_records
        limit = options.max_hello_bytes
        self._transcript = Transcript(limit)
        self._directions = tuple(
            Direction(side, HandshakeReader(limit, self._transcript)) for side in (CLIENT, SERVER)
        )
        self._hello_lost = [False, False]
        self._session_hash: bytes | None = None
        self._encrypted_premaster = b""
        self._master = b""
        """The one that was proven."""
        self._tried: tuple[Protection | None, bytes] = None, b""
        """The keys that were tried last, and their master secret."""
        self.client: ClientHello | None = None
        self.server: ServerHello | None = None
        """Not a HelloRetryRequest. Of a renegotiation both are the last ones."""
        self.version: int | None = None
        self.cannot: str | None = None
        """Why the session can never be decrypted, whatever keys come."""
        self.keys_do_not_fit = False
        """The last record that waits for keys has some, of another session."""
        self.alpn: str | None = None
        self.early_data_accepted: bool | None = None
        """None until the server's EncryptedExtensions were read."""
        self.hello_retry = False
        self.handshakes = 0
        """ServerHellos: more than one is renegotiation."""
        self.tickets = 0
        self.key_updates = [0, 0]
        self.finished_seen = [False, False]
        self.failures = [0, 0]
        """Records whose tag fits no key that could be theirs."""
        self.unread = [0, 0]
        """Records whose keys were not logged, though later ones were."""
        self.alerts: list[tuple[int, int, int]] = []
        """The first ones: (side, level, description)."""
        self.faults: list[tuple[int, str]] = []
        """The first ones: (side, what is against the protocol)."""

    def __repr__(self) -> str:
        return f"<Decryptor {self._directions[CLIENT]} {self._directions[SERVER]}>"

    @property
    def waits_for_keys(self) -> bool:
        """Whether the last record of a side could not be read, and keys may come that can.

        Such a record changed nothing: it may be given again, when the generation of the ring
        has grown or the other side's hello has come.
        """
        return any(direction.waits for direction in self._directions)

    def waits(self, side: int) -> bool:
        """Say the same of one side."""
        return self._directions[side].waits

    @property
    def asks(self) -> bool:
        """Whether the client offered early data, and the server has not answered that yet.

        What the client sends waits for the answer.
        """
        return self._directions[CLIENT].early is Early.ASKED

    def expect_no_answer(self) -> None:
        """Wait for that no longer."""
        self._directions[CLIENT].settle(Early.UNKNOWN)

    @property
    def skipped(self) -> tuple[int, int]:
        """Records proven to be lost, by side."""
        client, server = self._directions
        return client.skipped, server.skipped

    @property
    def held(self) -> int:
        """Bytes of handshake messages that are kept."""
        return self._transcript.held + sum(each.reader.held for each in self._directions)

    def let_go(self) -> None:
        """Keep none of them: this session will not be read."""
        self._transcript.drop()
        for direction in self._directions:
            direction.reader.lose()

    def protection(self, side: int) -> Protection | None:
        """Return what opens a side's records, if keys are in use and proven."""
        return self._directions[side].protection

    # --- records

    def record(self, side: int, kind: int, version: int, body: Body) -> Opened | None:
        """Take the next record of a side.

        Args:
            side: who sent it.
            kind: content type in its header.
            version: version there.
            body: what follows the header; bytes are faster than a memoryview.

        Returns:
            Content type, where in the body the content corresponds to, and the content; None
            if it cannot be read. Records in the clear return themselves.
        """
        protection = self._directions[side].protection
        if protection is not None:
            opened = protection.open(kind, version, body)
            if opened is not None and opened[0] == APPLICATION_DATA:
                return opened
            return self._other(side, kind, version, body, opened)
        return self._other(side, kind, version, body, None)

    def opener(self, side: int) -> Callable[[int, int, Body], Opened | None]:
        """Return `record` of one side."""
        return partial(self.record, side)

    def lost(self, side: int, at_least: int = 0, at_most: int | None = None) -> None:
        """Note that records of a side were lost.

        Args:
            side: whose.
            at_least: how many at least.
            at_most: how many at most, such as the bytes that are missing by those of the
                shortest record: it makes the search short. None: max_skipped_records.
        """
        direction = self._directions[side]
        direction.waits = False
        direction.lose(at_least, at_least + self._most if at_most is None else at_most)
        direction.reader.lose()
        if (self.client if side == CLIENT else self.server) is None:
            self._hello_lost[side] = True

    def _other(
        self, side: int, kind: int, version: int, body: Body, opened: Opened | None
    ) -> Opened | None:
        """Take a record that is not plain application data."""
        direction = self._directions[side]
        if opened is None and self._is_clear(direction, kind):
            return self._clear(direction, kind, bytes(body))
        if opened is None:
            opened = self._search(direction, (kind, version, body))
        if opened is not None:
            direction.waits = False
            self._content(direction, opened[0], opened[2])
            if not opened[0]:
                return None
        return opened

    def _is_clear(self, direction: Direction, kind: int) -> bool:
        """Return whether a record of a type is not encrypted."""
        if kind == APPLICATION_DATA:
            return False
        if self._is_tls13:
            return True
        if direction.protection is not None or direction.changed:
            return False
        # After a gap the ChangeCipherSpec may have been lost.
        return not direction.lost or self.server is None

    @property
    def _is_tls13(self) -> bool:
        return self.version is not None and self.version >= TLS_1_3

    def _clear(self, direction: Direction, kind: int, body: bytes) -> Opened:
        is_open = direction.protection is None or direction.stage == Stage.EARLY
        if kind == HANDSHAKE and not is_open:
            # RFC 8446 5: "An implementation may receive an unencrypted record of type
            # change_cipher_spec"; of no other.
            self._fault(direction, "a handshake message in the clear behind encrypted ones")
        else:
            self._content(direction, kind, body)
        return kind, 0, body

    def _search(self, direction: Direction, record: tuple[int, int, Body]) -> Opened | None:
        """Look for the keys of a record."""
        if self.cannot is not None:
            return None
        secrets = None if self.client is None else self._ring.lookup(self.client.random)
        is_tls13 = self._is_tls13 or (
            self.version is None and secrets is not None and secrets.of_tls13
        )
        found: Opened | Miss
        if is_tls13:
            found = open_tls13(direction, record, secrets, self._suites(), self._most)
        else:
            found = open_older(direction, record, self._older_keys(direction, secrets), self._most)
            if not isinstance(found, Miss) and direction.protection is self._tried[0]:
                direction.keyed, self._master = self.server, self._tried[1]
            if isinstance(found, Miss) and direction.protection is None:
                kind, _, body = record
                if direction.lost and not direction.changed and kind != APPLICATION_DATA:
                    return kind, 0, bytes(body)
        if not isinstance(found, Miss):
            self.keys_do_not_fit = False
            if is_tls13:
                self.version = TLS_1_3  # proven, even if no ServerHello said so
            if direction.side == SERVER and direction.stage == Stage.APPLICATION:
                self.expect_no_answer()  # its EncryptedExtensions came before
            return found
        self._missed(direction, found, record[2])
        return _NOTHING if found is Miss.REFUSED else None

    def _missed(self, direction: Direction, miss: Miss, body: Body) -> None:
        """Note a record that could not be opened."""
        if miss in (Miss.NO_KEYS, Miss.NO_FIT, Miss.ASKED):
            direction.waits = True
            if miss is Miss.ASKED:
                return
            self.keys_do_not_fit = miss is Miss.NO_FIT
            if self.client is None and self._hello_lost[CLIENT]:
                self._give_up("its ClientHello was not captured")
            elif self.server is None and self._hello_lost[SERVER] and self._has_older_keys:
                self._give_up("its ServerHello was not captured")
            return
        direction.waits = False
        if miss in (Miss.REFUSED, Miss.EARLY):
            return
        if direction.side == SERVER:
            self.expect_no_answer()
        if miss is Miss.UNREAD:
            self.unread[direction.side] += 1
            return
        self.failures[direction.side] += 1
        if direction.lost:
            if direction.protection is not None:
                direction.protection.pass_by(body)
        else:
            direction.lose(0, self._most)
            direction.reader.lose()

    @property
    def _has_older_keys(self) -> bool:
        secrets = None if self.client is None else self._ring.lookup(self.client.random)
        return secrets is not None and not secrets.of_tls13

    def _give_up(self, reason: str) -> None:
        self.cannot = reason
        for direction in self._directions:
            direction.waits = False

    # --- keys

    def _suites(self) -> tuple[SuiteKeys, ...]:
        """Return the suites of TLS 1.3 that may be in use."""
        if self.server is not None:
            chosen: tuple[int, ...] = (self.server.cipher_suite,)
        else:
            chosen = () if self.client is None else self.client.tls13_suites
        return tuple(keys for keys in map(suite_keys, chosen) if keys is not None)

    def _older_keys(self, direction: Direction, secrets: Secrets | None) -> Iterator[Protection]:
        """Yield what the last handshake may have made for a direction, before TLS 1.3."""
        client, server = self.client, self.server
        if client is None or server is None:
            return
        suite = suite_keys(server.cipher_suite)
        if suite is None or direction.keyed is server:
            return
        for master in self._masters(client, server, secrets, suite):
            keys = key_block(
                master, client.random, server.random, version=server.version, suite=suite
            )
            made = protection(
                keys[direction.side],
                suite,
                server.version,
                encrypt_then_mac=server.encrypt_then_mac,
            )
            self._tried = made, master
            yield made

    def _masters(
        self, client: ClientHello, server: ServerHello, secrets: Secrets | None, suite: SuiteKeys
    ) -> Iterator[bytes]:
        """Yield the master secrets that the last handshake may have made."""
        if self._master:
            yield self._master
        premasters: list[bytes] = []
        if secrets is not None:
            yield from secrets.get(CLIENT_RANDOM)
            premasters += secrets.get(PREMASTER)
        premasters += self._ring.premasters(self._encrypted_premaster)
        for premaster in premasters:
            if not server.extended_master_secret:
                yield master_secret(
                    premaster,
                    client.random,
                    server.random,
                    version=server.version,
                    hash_=suite.hash,
                )
            elif self._session_hash is not None:
                yield extended_master_secret(
                    premaster, self._session_hash, version=server.version, hash_=suite.hash
                )

    # --- contents

    def _content(self, direction: Direction, kind: int, content: bytes) -> None:
        if kind == HANDSHAKE:
            for message, body in direction.reader.feed(content):
                if body is None:
                    self._fault(direction, "a handshake message too long to be read")
                elif self._message(direction, message, body) and direction.reader.is_inside:
                    # RFC 8446 5.1: "Handshake messages MUST NOT span key changes."
                    self._fault(direction, "a handshake message on both sides of a key change")
                    direction.reader.clear()
        elif kind == ALERT:
            if len(content) == ALERT_BYTES and len(self.alerts) < _MAX_NOTED:
                self.alerts.append((direction.side, content[0], content[1]))
        elif kind == CHANGE_CIPHER_SPEC:
            if not self._is_tls13:
                self._change_cipher(direction)
        elif kind not in (APPLICATION_DATA, HEARTBEAT):
            self._fault(direction, "a record without a content type")

    def _change_cipher(self, direction: Direction) -> None:
        """Take a ChangeCipherSpec (RFC 5246 7.1)."""
        if direction.reader.is_inside:
            self._fault(direction, "a handshake message on both sides of a key change")
            direction.reader.clear()
        direction.change()
        direction.changed = True
        direction.keyed = None

    def _message(self, direction: Direction, kind: int, body: bytes) -> bool:
        """Take a handshake message; return whether other keys follow it."""
        side = direction.side
        if kind == hello.CLIENT_HELLO:
            self._client_hello(direction, body)
        elif kind == hello.SERVER_HELLO:
            return self._server_hello(direction, body)
        elif kind == handshake.FINISHED:
            return self._finished(direction)
        elif kind == handshake.NEW_SESSION_TICKET and side == SERVER:
            self.tickets += 1
        elif kind == handshake.CLIENT_KEY_EXCHANGE and side == CLIENT:
            self._session_hash = self._transcript.value()
            sent = hello.parse_encrypted_premaster(body)
            self._encrypted_premaster = b"" if isinstance(sent, Answer) else sent
        elif self._is_tls13 and direction.protection is not None:
            return self._tls13_message(direction, kind, body)
        return False

    def _tls13_message(self, direction: Direction, kind: int, body: bytes) -> bool:
        stage, side = direction.stage, direction.side
        if kind == handshake.ENCRYPTED_EXTENSIONS and side == SERVER and stage == Stage.HANDSHAKE:
            found = hello.parse_encrypted_extensions(body)
            if isinstance(found, Answer):
                self._fault(direction, "the lengths of EncryptedExtensions do not fit")
            else:
                self.alpn, self.early_data_accepted = found.alpn, found.early_data
                self._directions[CLIENT].settle(
                    Early.SETTLED if found.early_data else Early.REFUSED
                )
        elif kind == handshake.END_OF_EARLY_DATA and stage == Stage.EARLY:
            direction.change(Stage.HANDSHAKE)
            return True
        elif kind == handshake.KEY_UPDATE and stage == Stage.APPLICATION:
            if direction.suite is not None:
                direction.secret = next_secret(direction.secret, direction.suite.hash)
                direction.generation += 1
                direction.protection = Tls13(direction.secret, direction.suite)
                self.key_updates[side] += 1
            return True
        return False

    def _finished(self, direction: Direction) -> bool:
        if direction.protection is None:
            return False
        self.finished_seen[direction.side] = True
        if direction.side == SERVER:
            self.expect_no_answer()
        if self._is_tls13 and direction.stage == Stage.HANDSHAKE:
            direction.change(Stage.APPLICATION)
            return True
        return False

    def _client_hello(self, direction: Direction, body: bytes) -> None:
        read = hello.parse_client_hello(body)
        if direction.side != CLIENT or isinstance(read, Answer):
            self._fault(direction, "a ClientHello that is none, or of the server")
            return
        if self._is_tls13 and self.server is not None:
            # RFC 8446 4.1.2: TLS 1.3 has no renegotiation.
            self._fault(direction, "a ClientHello behind the handshake")
            return
        self.client = read
        self._session_hash, self._encrypted_premaster, self._master = None, b"", b""
        if self.handshakes == 0:
            direction.change(Stage.EARLY if read.early_data else Stage.HANDSHAKE)
            direction.early = Early.ASKED if read.early_data else Early.SETTLED

    def _server_hello(self, direction: Direction, body: bytes) -> bool:
        read = hello.parse_server_hello(body)
        if direction.side != SERVER or isinstance(read, Answer):
            self._fault(direction, "a ServerHello that is none, or of the client")
            return False
        if self._is_tls13 and self.server is not None:
            self._fault(direction, "a second ServerHello")
            return False
        self.version = read.version
        if not self._is_tls13:
            self._directions[CLIENT].settle(Early.SETTLED)
        if read.is_retry:
            # It refuses early data, up to the second ClientHello (RFC 8446 4.2.10).
            self._directions[CLIENT].settle(Early.REFUSED)
            self.hello_retry = True
            return False
        self.server = read
        self.handshakes += 1
        self.alpn = read.alpn
        self._master = b""
        self.cannot = _why_not(read)
        suite = suite_keys(read.cipher_suite)
        if suite is None or self._is_tls13:
            self._transcript.drop()
        else:
            self._transcript.choose(session_hashes(read.version, suite.hash))
        return self._is_tls13

    def _fault(self, direction: Direction, what: str) -> None:
        if len(self.faults) < _MAX_NOTED:
            self.faults.append((direction.side, what))


def _why_not(server: ServerHello) -> str | None:
    """Return why a session with this ServerHello cannot be decrypted; None if it can."""
    version = version_name(server.version)
    if not TLS_1_0 <= server.version <= TLS_1_3:
        return f"{version} is not supported"
    suite = suite_keys(server.cipher_suite)
    # Suites of TLS 1.3 have numbers of their own (RFC 8446 B.4).
    is_new = server.cipher_suite >> 8 == 0x13
    is_tls13 = server.version == TLS_1_3
    if suite is None or is_new != is_tls13 or not (is_tls13 or is_possible(suite, server.version)):
        return f"{suite_name(server.cipher_suite)} in {version} is not supported"
    if server.compression:
        return "its records are compressed"
    return None
