"""Which rows are wanted: conditions over columns, and what is asked of messages.

Knows columns and pandas, which is imported when a condition is evaluated. Must not know
captures, or what becomes of the rows. Used by analysis and the command line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.errors import OptionError
from analyzer.lazy_dataclass import dataclass
from analyzer.report.output import WantsCapture, Writer
from analyzer.tables.chosen import Chosen, Numbers
from analyzer.tables.declare import take_rows
from analyzer.tables.late import held_up
from analyzer.tables.schema import CONNECTIONS, DIRECTIONS, MESSAGES, Table, TableRows
from analyzer.tables.summary import Capture
from analyzer.tables.values import to_pandas

if TYPE_CHECKING:
    import pandas as pd

_ROW_BY_ROW: Final = frozenset(
    {
        *("startswith", "endswith", "contains", "match", "fullmatch", "len", "lower", "upper"),
        *("strip", "lstrip", "rstrip", "slice", "get", "find", "count", "replace", "casefold"),
        *("isdigit", "isnumeric", "isalpha", "isupper", "islower", "title", "removeprefix"),
        *("isin", "isna", "isnull", "notna", "notnull", "between", "abs", "round", "fillna"),
        *("astype", "eq", "ne", "lt", "le", "gt", "ge", "floor", "ceil", "total_seconds"),
    }
)
"""Methods that look at one row alone: rows are filtered batch by batch, as they come."""

Mask = npt.NDArray[np.bool_]

_EXAMPLES: Final = {
    "connection": "server_port == 8080 and path.str.startswith('/chat')",
    "message": "name == 'chat' and payload_bytes > 1000",
}

# --- frames ------------------------------------------------------------------------


ORDER = {
    "connections": ["connection"],
    "handshakes": ["handshake"],
    "frames": ["connection", "frame"],
    "messages": ["connection", "message"],
    "pings": ["connection", "ping_frame"],
    "http": ["tcp_stream", "exchange"],
    "ledger": ["tcp_stream", "connection", "direction"],
    "findings": ["packet", "tcp_stream", "connection", "frame", "id", "text"],
    "alternatives": ["scope", "connection", "session"],
    "scaling": ["scope", "clients"],
    "compression": ["connection", "direction"],
    "http_groups": ["group", "started_at"],
    "tls_sessions": ["tcp_stream"],
    "hops": ["hop", "direction"],
    "calls": ["call"],
    "topics": ["inner", "topic", "messages", "deliveries"],
    "fanout": ["topic", "publish_connection", "publish_message", "connection", "message"],
    "diagnoses": ["diagnosis"],
    "series": ["second"],
}
"""By what each DataFrame is sorted: rows leave the analysis as they are complete. The
comparison's have an order of their own."""


def to_frame(rows: TableRows) -> pd.DataFrame:
    """Return rows as a sorted DataFrame."""
    import pandas as pd

    columns = {
        column.name: to_pandas(column, rows.values[column.name]) for column in rows.table.columns
    }
    frame = pd.DataFrame(columns)
    if rows.count < 2 or rows.table.name not in ORDER:
        return frame
    return frame.sort_values(ORDER[rows.table.name], kind="stable", ignore_index=True)


# --- --where -----------------------------------------------------------------------


class Condition:
    """An expression over columns, true or false for each row, as in DataFrame.query.

    Args:
        where: the expression.
        tables: whose columns it may name; of two columns of one name the first table's counts.
        one: what a row is, for errors.
        whole: whether it is evaluated over all rows at once, so that it may say such as
            `wire_bytes > wire_bytes.mean()`.

    Raises:
        OptionError: It is no expression, or names a column that there is not.
    """

    def __init__(
        self, where: str, tables: Sequence[Table], *, one: str, whole: bool = False
    ) -> None:
        self.where = where
        self._one = one
        try:
            tree = ast.parse(where.strip(), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else "it is no expression"
            raise self._bad(reason) from error
        columns = {column.name for table in reversed(tables) for column in table.columns}
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        self.names: list[str] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and id(node) not in called:
                if node.id not in columns:
                    raise self._unknown(node.id, tables)
                self.names.append(node.id)
            if isinstance(node, ast.Attribute) and id(node) in called and not whole:
                self._check_method(node.attr)

    def _check_method(self, name: str) -> None:
        if name not in _ROW_BY_ROW:
            raise self._bad(f"{name}() is not known to look at one {self._one} at a time")

    def holds(self, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Return for which rows of `frame` it is true; null counts as false.

        Raises:
            OptionError: It cannot be evaluated, or is neither true nor false.
        """
        import pandas as pd

        try:
            mask = frame.eval(self.where, engine="python", local_dict={}, global_dict={})
        except Exception as error:  # pandas lets through whatever the expression raises
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise self._bad(reason) from error
        if not isinstance(mask, pd.Series) or not pd.api.types.is_bool_dtype(mask.dtype):
            raise self._bad(f"it is not a condition that is true or false for each {self._one}")
        return np.asarray(mask.fillna(False).astype(bool))

    def _unknown(self, name: str, tables: Sequence[Table]) -> OptionError:
        listed = ", ".join(column.name for column in tables[0].columns)
        more = "".join(f"; those of {table.name} too" for table in tables[1:])
        return self._bad(f"no column {name!r}; columns: {listed}{more}")

    def _bad(self, reason: str) -> OptionError:
        return OptionError(
            f"cannot evaluate --where {self.where!r}: {reason}",
            hint=f"for example: {_EXAMPLES[self._one]}",
        )


# --- messages ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of messages; all of it must hold.

    Attributes:
        connection: number of their connection.
        message: its number there.
        sent_by: "client" or "server".
        larger_than: payload bytes, as the application sees them; unknown is not larger.
        late_us: held up for as long (loss, a closed window, a delayed ACK).
        grep: found in the payload: literally, or as a regular expression over bytes.
        where: see condition().
    """

    connection: int | None = None
    message: int | None = None
    sent_by: str | None = None
    larger_than: int | None = None
    late_us: float | None = None
    grep: str | None = None
    where: str | None = None

    def condition(self) -> Condition | None:
        """Return `where` over columns of messages, then of their connections.

        Raises:
            OptionError: It cannot be evaluated.
        """
        if self.where is None:
            return None
        return Condition(self.where, [MESSAGES, CONNECTIONS], one="message")

    @property
    def any_message(self) -> bool:
        """Whether nothing is asked that control frames have not as well."""
        asked = (self.message, self.larger_than, self.late_us, self.grep, self.where)
        return asked == (None,) * len(asked)


def connection_columns(condition: Condition | None) -> list[str]:
    """Return the columns of connections that a condition over messages needs."""
    if condition is None:
        return []
    of_messages = {column.name for column in MESSAGES.columns}
    return sorted(set(condition.names) - of_messages)


class MessageFilter:
    """A Writer that hands on the messages that are wanted, and control frames of the same.

    Args:
        writers: what gets them.
        wanted: what is asked.
        connections: rows of `connections`, where the condition needs some of its columns.
        others: whether rows of further tables are handed on as well.

    Attributes:
        seen: messages that came.
        matched: those that were handed on.
    """

    def __init__(
        self,
        writers: Sequence[Writer],
        wanted: Wanted,
        connections: TableRows | None = None,
        *,
        others: bool = False,
    ) -> None:
        self._writers = list(writers)
        self._wanted = wanted
        self._others = others
        self._condition = wanted.condition()
        self._joined = _indexed(connections, connection_columns(self._condition))
        self._sender = None if wanted.sent_by is None else DIRECTIONS.index(wanted.sent_by)
        self._found = None if wanted.grep is None else searched(wanted.grep)
        self.seen = 0
        self.matched = 0

    def write(self, rows: TableRows) -> None:
        """Hand on what is wanted."""
        name = rows.table.name
        if name == "messages":
            self.seen += rows.count
            rows = self._chosen(rows, self._mask(rows))
            self.matched += rows.count
        elif name == "frames" and not self._others:
            if not self._wanted.any_message:
                return
            rows = self._chosen(rows, self._common(rows))
        elif not self._others:
            return
        if rows.count or self._others:
            for writer in self._writers:
                writer.write(rows)

    def captured(self, capture: Capture) -> None:
        """Hand on what was read."""
        for writer in self._writers:
            if isinstance(writer, WantsCapture):
                writer.captured(capture)

    def close(self) -> None:
        """Close the writers."""
        for writer in self._writers:
            writer.close()

    def abort(self) -> None:
        """Abort the writers."""
        for writer in self._writers:
            writer.abort()

    def _chosen(self, rows: TableRows, mask: npt.NDArray[np.bool_]) -> TableRows:
        return rows if mask.all() else take_rows(rows, np.flatnonzero(mask).tolist())

    def _common(self, rows: TableRows) -> npt.NDArray[np.bool_]:
        mask = np.ones(rows.count, bool)
        if self._wanted.connection is not None:
            mask &= np.asarray(rows.values["connection"]) == self._wanted.connection
        if self._sender is not None:
            mask &= np.asarray(rows.values["direction"]) == self._sender
        return mask

    def _mask(self, rows: TableRows) -> npt.NDArray[np.bool_]:
        wanted = self._wanted
        mask = self._common(rows)
        if wanted.message is not None:
            mask &= np.asarray(rows.values["message"]) == wanted.message
        if wanted.larger_than is not None:
            sizes: Any = np.asarray(rows.values["payload_bytes"])
            mask &= (sizes != NULL) & (sizes > wanted.larger_than)
        if wanted.late_us is not None:
            mask &= held_up(rows) >= round(wanted.late_us * 1000)
        if self._condition is not None and mask.any():
            mask &= self._condition.holds(self._frame(rows, self._condition.names))
        if self._found is not None:
            payloads: Any = rows.values["payload"]
            for place in np.flatnonzero(mask).tolist():
                payload = payloads[place]
                mask[place] = payload is not None and self._found(payload)
        return mask

    def _frame(self, rows: TableRows, names: Sequence[str]) -> pd.DataFrame:
        import pandas as pd

        columns = {column.name: column for column in rows.table.columns}
        made: dict[str, Any] = {
            name: to_pandas(columns[name], rows.values[name])
            for name in dict.fromkeys(["connection", *names])
            if name in columns
        }
        frame = pd.DataFrame(made)
        if self._joined is not None:
            frame = frame.join(self._joined, on="connection")
        return frame


def _indexed(rows: TableRows | None, names: Sequence[str]) -> pd.DataFrame | None:
    if rows is None or not names:
        return None
    return to_frame(rows).set_index("connection")[list(names)]


def searched(pattern: str) -> Any:
    """Return what says whether bytes hold `pattern`: literally, or as a regular expression.

    An invalid regular expression (an opening bracket of JSON) is searched literally.
    """
    plain = pattern.encode("utf-8", "surrogateescape")
    try:
        search = re.compile(plain, re.DOTALL).search
    except (re.error, OverflowError, RecursionError):
        return lambda payload: plain in payload
    return lambda payload: plain in payload or search(payload) is not None


# --- connections ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selected:
    """What --where selects: numbers of connections, and their TCP connections."""

    connections: frozenset[int]
    tcp_streams: frozenset[int]


class Selection:
    """A Writer that hands on the rows of selected connections (tables.chosen)."""

    def __init__(self, writer: Writer, selected: Selected) -> None:
        """Hand on to `writer`."""
        self._writer = writer
        self._chosen = Chosen(Numbers(selected.connections), Numbers(selected.tcp_streams))

    def write(self, rows: TableRows) -> None:
        """Hand on the rows that are selected."""
        some = self._chosen.of(rows)
        if some.count:
            self._writer.write(some)

    def captured(self, capture: Capture) -> None:
        """Hand on what was read."""
        if isinstance(self._writer, WantsCapture):
            self._writer.captured(capture)

    def close(self) -> None:
        """Close the writer."""
        self._writer.close()

    def abort(self) -> None:
        """Abort the writer."""
        self._writer.abort()


def select(connections: pd.DataFrame, where: str) -> Selected:
    """Return the connections for which the expression `where` is true.

    Raises:
        OptionError: It cannot be evaluated, or is neither true nor false.
    """
    condition = Condition(where, [CONNECTIONS], one="connection", whole=True)
    chosen = connections[condition.holds(connections)]
    return Selected(frozenset(chosen["connection"]), frozenset(chosen["tcp_stream"]))
