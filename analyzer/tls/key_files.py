"""Reads key logs from files, once or as they grow.

Knows files. Must not know what a line says: tls.keylog does. Called by the pipeline.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from analyzer.errors import KeyLogError
from analyzer.options import DEFAULT, Options
from analyzer.tls.keylog import KeyRing

PathLike = str | os.PathLike[str]

_PIECE: Final = 1 << 20
_POLL_BYTES: Final = 1 << 24
"""Read of one file at a poll; the rest comes with the next."""
_HINT: Final = (
    "A TLS key log has lines such as CLIENT_RANDOM, 64 digits and 96 digits; programs write it to "
    "the file that the environment variable SSLKEYLOGFILE names."
)
_KEY_HINT: Final = (
    "A server's private key decrypts nothing that has forward secrecy; let the client or server "
    "write a key log (environment variable SSLKEYLOGFILE)."
)


def read_key_logs(
    paths: Iterable[PathLike], options: Options = DEFAULT, ring: KeyRing | None = None
) -> KeyRing:
    """Read key logs.

    Args:
        paths: files.
        options: limits.
        ring: gets what they hold; default a new one.

    Returns:
        All their secrets; lines that cannot be used are counted in it.

    Raises:
        KeyLogError: a file cannot be read, or is no key log at all.
    """
    ring = KeyRing(options) if ring is None else ring
    for path in paths:
        name = os.fspath(path)
        with _opened(name) as file:
            _read(file, name, ring)
    return ring


def _opened(name: str) -> BinaryIO:
    try:
        if Path(name).is_dir():
            raise KeyLogError(f"{name} is a directory, not a key log", hint=_HINT)
        return open(name, "rb")
    except FileNotFoundError:
        raise KeyLogError(f"no such key log: {name}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise KeyLogError(f"cannot read the key log {name}: {reason}") from None


def _read(file: BinaryIO, name: str, ring: KeyRing) -> None:
    bad, good = ring.bad, ring.lines + ring.unknown
    is_first = True
    while True:
        try:
            data = file.read(_PIECE)
        except OSError as error:
            raise KeyLogError(f"cannot read the key log {name}: {error.strerror}") from None
        if is_first:
            _refuse(data, name)
            is_first = False
        if not data:
            break
        ring.add(data, name)
    ring.finish(name)
    if ring.bad > bad and ring.lines + ring.unknown == good:
        raise KeyLogError(f"{name} is not a key log: no line of it can be used", hint=_HINT)


def _refuse(beginning: bytes, name: str) -> None:
    """Refuse what is something else.

    Raises:
        KeyLogError: it is.
    """
    if b"\0" in beginning:
        raise KeyLogError(f"{name} is not a key log: it is not text", hint=_HINT)
    if b"-----BEGIN " in beginning and b"PRIVATE KEY-----" in beginning:
        raise KeyLogError(f"{name} is a private key, not a key log", hint=_KEY_HINT)


class _Followed:
    """One file, and how far it was read."""

    __slots__ = ("inode", "name", "offset")

    def __init__(self, name: str) -> None:
        self.name = name
        self.inode: tuple[int, int] | None = None
        self.offset = 0


class KeyLogFollower:
    """Reads key logs while programs write to them.

    Args:
        paths: files; those that do not exist yet may come later.
        ring: gets what they hold.

    Raises:
        KeyLogError: one is there and cannot be read.
    """

    def __init__(self, paths: Iterable[PathLike], ring: KeyRing) -> None:
        names = dict.fromkeys(os.fspath(path) for path in paths)
        self._files = [_Followed(name) for name in names]
        self._ring = ring
        for name in names:
            try:
                is_plain = Path(name).is_file() or Path(name).is_dir()
            except OSError as error:  # a folder above it that may not be looked into
                raise KeyLogError(f"cannot read the key log {name}: {error.strerror}") from None
            if is_plain:
                with _opened(name) as file:
                    _refuse(file.read(_PIECE), name)
            elif os.path.exists(name):
                raise KeyLogError(f"{name} cannot be followed: it is not a plain file", hint=_HINT)

    def poll(self) -> bool:
        """Read what was written since the last time; return whether it held new secrets.

        Never raises: a file that cannot be read now may be readable at the next poll. A file
        that was replaced, or became shorter, is read from its beginning.
        """
        before = self._ring.generation
        for followed in self._files:
            try:
                # To open anything else may wait forever.
                if Path(followed.name).is_file():
                    with open(followed.name, "rb") as file:
                        self._read(followed, file)
            except (OSError, ValueError):
                continue
        return self._ring.generation > before

    def finish(self) -> bool:
        """Read the rest, last lines without an end too; return whether it held new secrets."""
        before = self._ring.generation
        self.poll()
        for followed in self._files:
            self._ring.finish(followed.name)
        return self._ring.generation > before

    def _read(self, followed: _Followed, file: BinaryIO) -> None:
        found = os.fstat(file.fileno())
        inode = found.st_dev, found.st_ino
        if inode != followed.inode or found.st_size < followed.offset:
            self._ring.finish(followed.name)
            followed.inode, followed.offset = inode, 0
        end = min(found.st_size, followed.offset + _POLL_BYTES)
        file.seek(followed.offset)
        while followed.offset < end:
            data = file.read(min(_PIECE, end - followed.offset))
            if not data:
                break
            followed.offset += len(data)
            self._ring.add(data, followed.name)
