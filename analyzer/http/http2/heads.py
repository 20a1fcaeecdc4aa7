"""Headers over HTTP/2: header blocks (HPACK) to the Head objects that the rest of http uses.

One decoder per direction, fed every block in the wire's order. Where blocks are missing its
table is filled with entries that mean "not known", so that later blocks still move
it as the sender's moves, and a field that comes from such an entry is left out, never guessed.
Knows RFC 7541 and RFC 9113 section 8. Must not know frames. Used by http.http2.connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from analyzer.http.head import Fault, Head

Field = tuple[bytes, bytes]

_ENTRY_BYTES: Final = 32
"""RFC 7541 4.1: what each entry of the table counts besides its name and value."""
_DEFAULT_TABLE: Final = 4096
_MAX_FAILURES: Final = 16
"""Blocks that fail to decode before a direction's headers are given up for good: RFC 9113
4.3 has the receiver end the connection at the first."""
_FORBIDDEN: Final = frozenset(
    ("connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade")
)
"""RFC 9113 8.2.2: an endpoint "MUST NOT generate an HTTP/2 message containing
connection-specific header fields"."""


class HeadDecoder:
    """The decoder of one direction.

    Args:
        table_bytes: largest dynamic table that is kept.
        list_bytes: largest header list, each field with 32 bytes more (RFC 9113 6.5.2).

    Attributes:
        failed: headers of this direction are given up for good.
    """

    def __init__(self, table_bytes: int, list_bytes: int) -> None:
        self._table_bytes = max(table_bytes, _DEFAULT_TABLE)
        self._list_bytes = list_bytes
        self._decoder: Any = None
        self._is_lost = False
        self._failures = 0
        self.failed = False

    def decode(self, block: bytes | bytearray) -> list[Field] | str:
        """Decode the next block of the direction.

        Returns:
            Fields in order, b"" in place of a name or value that is not known; a sentence
            (str) where the block cannot be decoded.
        """
        # Late: hpack costs start-up time, and few captures have HTTP/2.
        from hpack.exceptions import HPACKError

        if self.failed:
            return "the heads of this direction are given up"
        try:
            return list(self._made().decode(bytes(block), raw=True))
        except (HPACKError, ValueError, IndexError) as error:
            self._failures += 1
            self.failed = self._failures >= _MAX_FAILURES
            self.lose()
            return str(error)

    def lose(self) -> None:
        """Go on after blocks that were not decoded: nothing of the table is known."""
        self._decoder, self._is_lost = None, True

    def _forget(self) -> None:
        table = self._decoder.header_table
        table.maxsize = self._table_bytes
        # No table has more entries, so that new ones push out what is not known, and only
        # that, before the sender's table would let go of them.
        for _ in range(self._table_bytes // _ENTRY_BYTES):
            table.add(b"", b"")

    def _new(self) -> Any:
        from hpack import Decoder

        decoder = Decoder(self._list_bytes)
        decoder.max_allowed_table_size = self._table_bytes
        return decoder

    def _made(self) -> Any:
        if self._decoder is None:
            self._decoder = self._new()
            if self._is_lost:
                # Only now: a flood of losses must cost nothing.
                self._forget()
        return self._decoder


def is_whole(fields: Sequence[Field]) -> bool:
    """Return whether all fields of a block are known."""
    return all(name for name, _ in fields)


def head_of(fields: Sequence[Field], size: int) -> tuple[Head, dict[str, str]]:
    """Return a block as a head, and its pseudo-header fields.

    Args:
        fields: as `HeadDecoder.decode` returns them.
        size: bytes of the frames that carried it.
    """
    pseudo: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    values: dict[str, str] = {}
    repeated: list[str] = []
    faults: list[Fault] = []
    forbidden: dict[str, None] = {}
    for raw_name, raw_value in fields:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if not name:
            continue
        if name[0] == ":":
            _add_pseudo(name, value, pseudo, pairs, faults)
            continue
        if name != name.lower():
            text = f"a field name is not in lower case: {name[:40]}"
            faults.append(Fault(text, "RFC 9113 8.2.1"))
            name = name.lower()
        if name in _FORBIDDEN:
            forbidden[name] = None
        pairs.append((name, value))
        if name not in values:
            values[name] = value
        elif name == "cookie":
            # RFC 9113 8.2.3: concatenated with "; ".
            values[name] += f"; {value}"
        else:
            values[name] += f", {value}"
            repeated.append(name)
    authority = pseudo.get(":authority")
    if authority is not None:
        _check_host(values.get("host"), authority, pseudo.get(":scheme", ""), faults)
        values["host"] = authority
        pairs = [("host", authority), *(pair for pair in pairs if pair[0] != "host")]
    _check_values(pairs, forbidden, faults)
    status = pseudo.get(":status", "")
    head = Head(
        pseudo.get(":method", ""),
        pseudo.get(":path", ""),
        "2",
        int(status) if len(status) == 3 and status.isascii() and status.isdigit() else 0,
        "",
        tuple(pairs),
        values,
        tuple(repeated),
        0,
        size,
        tuple(dict.fromkeys(faults)),
    )
    return head, pseudo


def _check_host(host: str | None, authority: str, scheme: str, faults: list[Fault]) -> None:
    """Apply RFC 9113 8.3.1, on Host beside :authority.

    "Clients MUST NOT generate a request with a Host header field that differs from the
    ":authority" pseudo-header field." Both are normalized first, as the section asks for (RFC 3986
    6.2): case, and the scheme's port.
    """
    if host is None:
        return
    port = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}.get(scheme.lower(), "")
    one, other = (each.strip().lower().removesuffix(port) for each in (host, authority))
    if one != other:
        text = f"host ({host[:40]}) is not :authority ({authority[:40]})"
        faults.append(Fault(text, "RFC 9113 8.3.1"))


def _check_values(
    pairs: Sequence[tuple[str, str]], forbidden: Iterable[str], faults: list[Fault]
) -> None:
    if any("\r" in value or "\n" in value or "\0" in value for _, value in pairs):
        # RFC 9113 8.2.1: "A field value MUST NOT contain the zero value, line feed, or
        # carriage return at any position."
        faults.append(Fault("a field value with NUL, CR or LF", "RFC 9113 8.2.1"))
    names = ", ".join(forbidden)
    if names:
        text = f"a message has fields of HTTP/1.1 connections: {names}"
        faults.append(Fault(text, "RFC 9113 8.2.2"))


def _add_pseudo(
    name: str,
    value: str,
    pseudo: dict[str, str],
    pairs: Sequence[tuple[str, str]],
    faults: list[Fault],
) -> None:
    if pairs:
        # RFC 9113 8.3: they "MUST NOT appear ... after a regular field".
        faults.append(Fault(f"{name[:40]} stands behind a regular field", "RFC 9113 8.3"))
    if name in pseudo:
        faults.append(Fault(f"{name[:40]} is repeated", "RFC 9113 8.3"))
        return
    pseudo[name] = value
