"""Sessions of real TLS ends, cut into records, and what a Decryptor makes of them."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import warnings
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from oracle.tls_ends import Pair, Turns, contexts

from analyzer.options import DEFAULT, Options
from analyzer.tls.decryption import Decryptor
from analyzer.tls.keylog import KeyRing
from analyzer.tls.protection import Opened

V = ssl.TLSVersion
WITHOUT_ENCRYPT_THEN_MAC = 1 << 19
WITHOUT_EXTENDED_MASTER_SECRET = 1 << 0
"""SSL_OP_NO_ENCRYPT_THEN_MAC, SSL_OP_NO_EXTENDED_MASTER_SECRET of OpenSSL 3."""


class Record(NamedTuple):
    side: int
    kind: int
    version: int
    body: bytes


def cut(turns: Iterable[tuple[int, bytes]]) -> list[Record]:
    """Cut what both sides sent into records, in the order in which these end."""
    rests = [b"", b""]
    found: list[Record] = []
    for side, data in turns:
        rest = rests[side] + data
        while len(rest) >= 5 and len(rest) >= 5 + int.from_bytes(rest[3:5], "big"):
            end = 5 + int.from_bytes(rest[3:5], "big")
            version = int.from_bytes(rest[1:3], "big")
            found.append(Record(side, rest[0], version, rest[5:end]))
            rest = rest[end:]
        rests[side] = rest
    return found


def ring_of(log: str | bytes, options: Options = DEFAULT) -> KeyRing:
    ring = KeyRing(options)
    ring.add(log.encode() if isinstance(log, str) else log, "log")
    ring.finish("log")
    return ring


class Plain(NamedTuple):
    """What a Decryptor read of a session."""

    decryptor: Decryptor
    data: tuple[bytes, bytes]
    unread: list[int]

    def check(self, client: bytes, server: bytes) -> None:
        """Assert that all was read, and is what the ends wrote."""
        decryptor = self.decryptor
        assert self.data == (client, server)
        assert self.unread == []
        assert decryptor.failures == [0, 0]
        assert decryptor.faults == []
        assert decryptor.skipped == (0, 0)
        assert decryptor.finished_seen == [True, True]
        assert not decryptor.waits_for_keys
        assert decryptor.cannot is None


def decrypt(
    records: Iterable[Record], ring: KeyRing, *, decryptor: Decryptor | None = None
) -> Plain:
    """Give records to a Decryptor; `unread` are the numbers of those that it cannot read.

    Of a client that offers early data, records wait for the server's answer.
    """
    decryptor = decryptor or Decryptor(ring)
    data = [b"", b""]
    unread = []
    for number, (side, kind, version, body) in answered_first(records, decryptor):
        opened = decryptor.record(side, kind, version, body)
        if opened is None:
            unread.append(number)
            continue
        inner, start, content = opened
        assert 0 <= start <= start + len(content) <= len(body)
        if inner == 23:
            data[side] += content
    return Plain(decryptor, (data[0], data[1]), unread)


def answered_first(records: Iterable[Record], decryptor: Decryptor) -> Iterator[tuple[int, Record]]:
    """Yield numbered records, the client's behind the answer that they wait for."""
    late: list[tuple[int, Record]] = []
    for number, record in enumerate(records):
        waits = decryptor.asks and record.side == 0 and record.kind == 23
        if waits or (late and decryptor.asks and record.side == 0):
            late.append((number, record))
            continue
        yield number, record
        if late and not decryptor.asks:
            yield from late
            late = []
    if late:
        decryptor.expect_no_answer()
        yield from late


class Talk(NamedTuple):
    """A session between two ends of Python's ssl."""

    turns: Turns
    log: bytes
    said: tuple[bytes, bytes]
    session: ssl.SSLSession | None

    @property
    def records(self) -> list[Record]:
        return cut(self.turns)


Lines = tuple[tuple[bytes, ...], tuple[bytes, ...]]
LINES: Lines = ((b"a line", b"x" * 40_000, b"", b"last"), (b"an answer", b"y" * 100, b"z" * 16384))


def talk(
    client: ssl.SSLContext,
    server: ssl.SSLContext,
    folder: Path,
    *,
    session: ssl.SSLSession | None = None,
    lines: Lines = LINES,
) -> Talk:
    """Shake hands, say the lines in turn, close, with a key log written by the client's end."""
    log = folder / "keys.log"
    log.unlink(missing_ok=True)
    client.keylog_filename = str(log)
    pair = Pair(client, server, session)
    for number in range(max(map(len, lines))):
        for side in (0, 1):
            if number < len(lines[side]):
                pair.write(side, lines[side][number])
    for end in pair.ends:
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLSyscallError):
            end.unwrap()
        pair.carry()
    # Without this the file stays open as long as the context lives.
    client.keylog_filename = None
    said = b"".join(lines[0]), b"".join(lines[1])
    return Talk(pair.turns, log.read_bytes(), said, pair.ends[0].session)


def parameters(folder: Path) -> str:
    """A group for finite-field Diffie-Hellman (RFC 7919), as a file."""
    path = folder / "group.pem"
    if not path.exists():
        command = ["openssl", "genpkey", "-genparam", "-algorithm", "DH"]
        command += ["-pkeyopt", "group:ffdhe2048", "-out", str(path)]
        subprocess.run(command, check=True, capture_output=True)
    return str(path)


def ends_of(
    folder: Path, version: ssl.TLSVersion = V.TLSv1_3, ciphers: str = "", options: int = 0
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of both ends, for one version."""
    pair = contexts(folder)
    if "DH-" in ciphers or "DHE-" in ciphers:
        pair[1].load_dh_params(parameters(folder))
    for each in pair:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old versions are deprecated
            each.minimum_version = each.maximum_version = version
            each.options |= options
        if version != V.TLSv1_3:
            each.set_ciphers((ciphers or "ALL") + ":@SECLEVEL=0")
    return pair


def spoken(
    folder: Path,
    version: ssl.TLSVersion = V.TLSv1_3,
    ciphers: str = "",
    options: int = 0,
    lines: Lines = LINES,
) -> Talk:
    """A session of one version and suite."""
    return talk(*ends_of(folder, version, ciphers, options), folder, lines=lines)


def lossy(
    spoke: Talk, gone: Collection[int], *, options: Options = DEFAULT
) -> tuple[Decryptor, dict[int, Opened]]:
    """Decrypt without some records, by number; return what the others hold that were read."""
    decryptor = Decryptor(ring_of(spoke.log), options)
    read: dict[int, Opened] = {}
    lost = [0, 0]
    for number, (side, kind, version, body) in enumerate(spoke.records):
        if number in gone:
            lost[side] += 1
            continue
        if lost[side]:
            decryptor.lost(side, at_least=1)
            lost[side] = 0
        opened = decryptor.record(side, kind, version, body)
        if opened is not None:
            read[number] = opened
    return decryptor, read
