"""Handshake rows: what was asked and answered, and how long each part took.

Knows TCP's times and http's handshakes. Used by tables.build.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from analyzer.columns import NULL
from analyzer.http.exchanges import Handshake
from analyzer.lazy_dataclass import dataclass
from analyzer.lazy_pattern import lazy_pattern
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options
from analyzer.packets.segments import address_text
from analyzer.tables.before_connect import Before
from analyzer.tables.preview import preview
from analyzer.tables.schema import HANDSHAKES, Column, TableRows, Values
from analyzer.tables.secrets import hide
from analyzer.tables.shown import Shown
from analyzer.tcp.bytestream import Connection
from analyzer.tls.names import suite_name, version_name
from analyzer.tls.session import Session

_NONCE = lazy_pattern(r"[A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{27}=")
_address = lru_cache(maxsize=65_536)(address_text)
"""Few addresses have many connections."""


class Endpoints(NamedTuple):
    """Addresses of a TCP connection, client first."""

    client_ip: str
    client_port: int
    server_ip: str
    server_port: int

    @classmethod
    def of(cls, tcp: Connection, client_side: int) -> Endpoints:
        """Return them from a CONNECTION row and the side that is the client."""
        side0 = _address(tcp.high0, tcp.low0, tcp.version), tcp.port0
        side1 = _address(tcp.high1, tcp.low1, tcp.version), tcp.port1
        return cls(*side1, *side0) if client_side else cls(*side0, *side1)


class Addresses:
    """Endpoints of a batch's connections: several tables ask for those that ended with it."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Endpoints] = {}

    def of(self, tcp: Connection, client_side: int) -> Endpoints:
        """Return them from a CONNECTION row and the side that is the client."""
        key = tcp.tcp_stream, client_side
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Endpoints.of(tcp, client_side)
        return found

    def clear(self) -> None:
        """Begin a batch."""
        self._known.clear()


@dataclass(slots=True)
class Attempt:
    """One row of `handshakes`, times in ns."""

    handshake: int
    connection: int
    tcp_stream: int
    endpoints: Endpoints
    detail: Handshake
    started_at: int
    syn_retries: int
    tcp: int
    upgrade: int
    total: int
    first_message: int
    idle: int = NULL
    before: Before = Before()
    tls: int = NULL
    tls_hello: int = NULL
    session: Session | None = None


def attempt(
    detail: Handshake,
    tcp: Connection,
    endpoints: Endpoints,
    connection: int,
    first_data_time: int,
    session: Session | None = None,
) -> Attempt:
    """Measure one upgrade attempt.

    Args:
        detail: what http saw.
        tcp: CONNECTION row of its TCP connection.
        endpoints: its addresses.
        connection: WebSocket connection number; NULL if none came of it.
        first_data_time: ns of its first data frame; NULL if none.
        session: the TLS session that it was decrypted from.
    """
    fresh = detail.first_in_connection
    syn = tcp.syn_time if fresh else NULL
    established = tcp.established_time if fresh else NULL
    begun = detail.request_first_time
    started = syn if syn != NULL else begun
    if started == NULL:
        started = detail.response_first_time
    answered = detail.response_last_time
    made = Attempt(
        *(detail.number, connection, tcp.tcp_stream, endpoints, detail),
        started,
        tcp.syn_retries if syn != NULL else NULL,
        _between(syn, established),
        _between(begun, answered),
        _between(started, answered) if begun != NULL else NULL,
        # A client that does not wait for the 101 needs no time at all after it.
        _between(answered, max(answered, first_data_time)) if first_data_time != NULL else NULL,
    )
    if session is not None:
        made.session = session
        if fresh:
            made.tls, made.tls_hello = _tls_times(session)
    made.idle = _idle(made)
    return made


def _idle(made: Attempt) -> int:
    """Return what `total` has besides its parts: the time that the client spent between, in ns.

    Of a connection that had served before, the upgrade is the only part.
    """
    if NULL in (made.total, made.upgrade):
        return NULL
    if not made.detail.first_in_connection:
        return made.total - made.upgrade
    secured = 0 if made.detail.scheme == "ws" or made.session is None else made.tls
    if made.detail.scheme == "wss" and made.session is None:
        secured = 0 if made.detail.http2_stream is not None else NULL
    if NULL in (made.tcp, secured):
        return NULL
    return made.total - made.tcp - secured - made.upgrade


def _tls_times(session: Session) -> tuple[int, int]:
    """Return how long the handshake of a session took, and its first step, in ns."""
    begun = session.started_at
    return (
        _between(begun, session.finished_time),
        _between(begun, session.server_hello_time),
    )


def failed_connect(number: int, tcp: Connection, outcome: str, reason: str) -> Attempt:
    """Return the row of a TCP connect that never got as far as a request."""
    syn = tcp.syn_time
    detail = Handshake(slot=-1, client_side=0, outcome=outcome, outcome_reason=reason)
    return Attempt(
        handshake=number,
        connection=NULL,
        tcp_stream=tcp.tcp_stream,
        endpoints=Endpoints.of(tcp, 0),
        detail=detail,
        started_at=syn,
        syn_retries=tcp.syn_retries,
        tcp=NULL,
        upgrade=NULL,
        total=NULL,
        first_message=NULL,
    )


def _between(begin: int, end: int) -> int:
    return NULL if NULL in (begin, end) else end - begin


def silence(since: int, until: int) -> int:
    """Return how long a side was silent, in ns; NULL where either time is not known.

    Packets decide what came first; where a clock disagrees with their order, there was none.
    """
    return NULL if NULL in (since, until) else max(0, until - since)


def _number(value: int | None) -> int:
    return NULL if value is None else value


def refusal_preview(detail: Handshake, options: Options) -> str | None:
    """Return how the body of a refusal begins, on one line; what is no text in hexadecimal."""
    body, size = bytes(detail.refusal_body), detail.refusal_size
    if not body or options.payload == "none":
        return None
    limit = options.preview_bytes
    # A secret is hidden before the text is cut: its rest must not pass for none.
    is_text = b"\0" not in body
    text = _decoded(body, detail) if is_text else body.decode("latin-1")
    shown = text if options.show_secrets else hide(text)
    if not is_text and shown == text:
        return preview(body, size, is_text=False, limit=limit)
    if size <= len(body):
        return preview(shown.encode(), len(shown.encode()), is_text=True, limit=limit)
    return preview(shown.rstrip("\ufffd").encode(), size + limit, is_text=True, limit=limit)


_CHARSETS: Final = frozenset(
    {
        *("iso-8859-1", "iso-8859-2", "iso-8859-15", "windows-1250", "windows-1251"),
        *("windows-1252", "koi8-r", "gbk", "gb2312", "gb18030", "big5", "shift_jis"),
        *("euc-jp", "euc-kr"),
    }
)
"""Those of error pages."""
_CHARSET: Final = lazy_pattern(r"charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)


def _decoded(body: bytes, detail: Handshake) -> str:
    """Return a body as text: UTF-8, else what its Content-Type says."""
    text = body.decode("utf-8", "replace")
    if "\ufffd" not in text.rstrip("\ufffd"):
        return text
    types = (value for name, value in detail.response_header if name.lower() == "content-type")
    named = _CHARSET.search(next(types, ""))
    charset = named[1].lower() if named else ""
    return body.decode(charset, "replace") if charset in _CHARSETS else text


def _hide_nonce(text: str) -> str:
    """Hide secrets in the value of Sec-WebSocket-Key or -Accept, unless it is what it should be.

    16 or 20 bytes in base64 (RFC 6455 4.1, 4.2.2) tell nothing, though they may look as if; and no
    two are alike, so that remembering them would drive out all else.
    """
    return text if _NONCE.fullmatch(text) else hide(text)


def handshake_rows(
    attempts: Sequence[Attempt], options: Options, shown: Shown | None = None
) -> TableRows:
    """Return the rows of `handshakes`.

    Args:
        attempts: a row each.
        options: whether secrets are shown, and how much of a refusal is.
        shown: makes texts, and remembers them from call to call.
    """
    makes = Shown(options) if shown is None else shown
    rows = [_cells(row, options, makes) for row in attempts]
    return TableRows(HANDSHAKES, columns_of(HANDSHAKES.columns, rows), len(rows))


def _cells(row: Attempt, options: Options, shown: Shown) -> tuple[object, ...]:
    detail, before, texts = row.detail, row.before, shown.of(row.detail)
    valid, tls = detail.accept_valid, row.tls
    return (
        row.handshake,
        row.connection,
        row.tcp_stream,
        *row.endpoints,
        *texts[:7],
        # Of those that are alike both are what they should be.
        detail.key if detail.alike >= 0 else shown.hidden(_hide_nonce, detail.key),
        detail.accept if detail.alike >= 0 else shown.hidden(_hide_nonce, detail.accept),
        -1 if valid is None else int(valid),
        _number(detail.status),
        *texts[7:13],
        detail.request_bytes if detail.request_first_time != NULL else NULL,
        detail.response_bytes if detail.response_first_time != NULL else NULL,
        row.started_at,
        row.syn_retries,
        row.tcp,
        tls,
        row.upgrade,
        row.total,
        row.first_message,
        detail.request_packet or NULL,
        detail.response_packet or NULL,
        row.tls_hello if tls != NULL else NULL,
        tls - row.tls_hello if NULL not in (tls, row.tls_hello) else NULL,
        *_tls_cells(row.session),
        _number(detail.http2_stream),
        detail.request_first_time,
        row.idle,
        texts.server,
        refusal_preview(detail, options) if detail.refusal_body else None,
        # What went before the connect, and how long it took with that.
        before.dns,
        before.attempts,
        before.tried,
        _overall(row),
    )


def _overall(row: Attempt) -> int:
    """Return the time from the first query or connect to the end of the response, in ns."""
    begun = row.before.begun if row.before.begun != NULL else row.started_at
    return _between(begun, row.detail.response_last_time) if row.total != NULL else NULL


def _tls_cells(session: Session | None) -> tuple[object, ...]:
    """Return version, suite, protocol, server name, and whether it was resumed."""
    if session is None:
        return (None, None, None, None, -1)
    asked, chosen, resumed = session.client, session.server, session.resumed
    return (
        None if chosen is None else version_name(chosen.draft or chosen.version),
        None if chosen is None else suite_name(chosen.cipher_suite),
        session.alpn,
        None if asked is None else asked.server_name,
        -1 if resumed is None else int(resumed),
    )


_DTYPES: dict[str, type[np.generic]] = {
    "int": np.int64,
    "bool": np.int8,
    "enum": np.int8,
    "time": np.int64,
    "us": np.int64,
    "seconds": np.int64,
    "ratio": np.float64,
    "key": np.int64,
}


def columns_of(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> Mapping[str, Values]:
    """Turn rows of cells, in the order of `columns`, into columns."""
    return turned(columns, list(zip(*rows, strict=True))) if rows else _NoValues(columns)


class _NoValues(Mapping[str, Values]):
    """The columns of no rows, made when they are read.

    Most batches of a live run end no connection and bring no handshake, and nobody looks at that.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def __getitem__(self, name: str) -> Values:
        for column in self._columns:
            if column.name == name:
                return turned([column], [()])[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (column.name for column in self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def turned(columns: Sequence[Column], cells: Sequence[Sequence[object]]) -> dict[str, Values]:
    """Return columns of which the cells are known, in the order of `columns`."""
    return {
        column.name: list(each)
        if column.type in ("text", "payload")
        else _numbers(each, _DTYPES[column.type])
        for column, each in zip(columns, cells, strict=True)
    }


def _numbers(cells: Sequence[object], dtype: type[np.generic]) -> NDArray[Any]:
    """Return a column of numbers; one beyond 64 bits becomes the nearest that fits.

    A capture can claim any time and any length, and sums and differences of such claims are
    Python's integers, which have no bound.
    """
    try:
        return np.asarray(cells, dtype=dtype)
    except OverflowError:
        # NULL is the least number that fits: what is known never becomes it.
        known = (each if each == NULL else max(cast(int, each), NULL + 1) for each in cells)
        return np.fromiter((min(each, -NULL - 1) for each in known), dtype, len(cells))
