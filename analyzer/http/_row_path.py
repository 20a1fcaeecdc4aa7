"""The short way of HTTP/2: DATA of WebSockets, ACKs, and the accounts of all streams.

Whole frames of open WebSockets and the ACKs between them pass here, with no Python per row;
whatever else a row holds is left to http.http2.connection. The accounts and the rows put out
are kept here for both. Knows rows, frame headers and shares. Must not know heads.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.columns import Rows
from analyzer.http import _row_accounts as columns
from analyzer.tcp.bytestream import CHUNK

if cython.compiled:
    from cython.cimports.analyzer.http._row_accounts import Account, Link, Reading, Stretches
else:
    from analyzer.http._row_accounts import Account, Link, Reading, Stretches

_LINK = cython.declare(cython.int, columns.LINK)
_IP = cython.declare(cython.int, columns.IP)
_TCP = cython.declare(cython.int, columns.TCP)
_STREAM = cython.declare(cython.int, columns.STREAM)
_AGAIN = cython.declare(cython.int, columns.AGAIN)
_HTTP = cython.declare(cython.int, columns.HTTP)
_TLS = cython.declare(cython.int, columns.TLS)
_PACKETS = cython.declare(cython.int, columns.PACKETS)
_ACKS = cython.declare(cython.int, columns.ACKS)
_ACK_BYTES = cython.declare(cython.int, columns.ACK_BYTES)
_BEHIND = cython.declare(cython.int, columns.BEHIND)
_SHOWN = cython.declare(cython.int, columns.SHOWN)
_WINDOW = cython.declare(cython.int, columns.WINDOW)
_DATA = cython.declare(cython.int, 0)
_PURE = cython.declare(cython.int, 4)
_FRAMING = cython.declare(cython.int, 8)
_HEADER = cython.declare(cython.int, 9)
_MOST_FRAME = cython.declare(cython.int, 16384)


@cython.cclass
class RowPath:
    """Rows in, rows out; shared by all connections.

    Attributes:
        skip: of the row at which `run` stopped, bytes that it has taken.
        place: row of the batch before which what is put out goes.
    """

    def __init__(self) -> None:
        # Turning a memoryview back into an array is slow.
        self.row_rows: Any = np.zeros(1, CHUNK)
        self.row = record_view(self.row_rows)
        self.out_rows: Any = np.zeros(256, CHUNK)
        self.out = record_view(self.out_rows)
        self.places: Any = np.zeros(256, np.int64)
        self.place_view = self.places
        self.count = 0
        self.place = 0
        self.skip = 0

    # --- rows out

    def clear(self) -> None:
        """Begin a batch."""
        self.count = 0

    def put_out(self) -> tuple[Rows, Any]:
        """Return the rows put out, and the row of the batch that each goes before."""
        return self.out_rows[: self.count], self.places[: self.count]

    def put(self, place: int, row: tuple[int, ...]) -> None:
        """Put a row out as it is."""
        self._room()
        self.out_rows[self.count] = row
        self.place_view[self.count] = place
        self.count += 1

    @cython.cfunc
    def _room(self) -> cython.int:
        if self.count >= self.out.shape[0]:
            self._grow()
        return 0

    def _grow(self) -> None:
        rows = np.zeros(2 * len(self.out_rows), CHUNK)
        rows[: self.count] = self.out_rows[: self.count]
        self.out_rows = rows
        self.out = record_view(rows)
        places = np.zeros(len(rows), np.int64)
        places[: self.count] = self.places[: self.count]
        self.places = places
        self.place_view = places

    # --- the row in work

    def load(self, row: tuple[int, ...]) -> None:
        """Make a row the one in work."""
        self.row_rows[0] = row

    @cython.cfunc
    def _stands_for(self, count: cython.longlong) -> cython.longlong:
        """Return how many bytes of TCP's stream the first `count` of the row stand for."""
        if self.row[0].span == self.row[0].length:
            return count
        if self.row[0].length == 0:
            return self.row[0].span if count else 0
        return count * self.row[0].span // self.row[0].length

    @cython.ccall
    def attribute(
        self,
        link: Link,
        side: cython.int,
        begin: cython.longlong,
        end: cython.longlong,
        account: Any,
    ) -> cython.int:
        """Give bytes [begin, end) of the row, and what frames them, to a stream or to no one."""
        low: cython.longlong = self._stands_for(begin)
        high: cython.longlong = self._stands_for(end)
        self.attribute_span(link, side, low, high, account)
        return 0

    @cython.ccall
    def attribute_span(
        self,
        link: Link,
        side: cython.int,
        low: cython.longlong,
        high: cython.longlong,
        account: Any,
    ) -> cython.int:
        """Give bytes [low, high) of what the row stands for to a stream or to no one."""
        stretches: Stretches = link.acks[side]
        offset: cython.longlong = self.row[0].offset
        stretches.add(account, offset + low, offset + high)
        if account is not None:
            self._charge(account, side, low, high, _STREAM)
            one: Account = account
            one.sums[side, _BEHIND] = offset + high
        return 0

    @cython.ccall
    def _charge(
        self,
        account: Account,
        side: cython.int,
        low: cython.longlong,
        high: cython.longlong,
        column: cython.int,
    ) -> cython.int:
        """Add bytes of TCP's payload, with their share of the packet's headers."""
        payload: cython.longlong = self.row[0].payload
        header: cython.longlong = self.row[0].header_bytes
        below: cython.longlong = self.row[0].link
        ip: cython.longlong = self.row[0].ip
        tls: cython.longlong = self.row[0].tls
        span: cython.longlong = self.row[0].span
        into: cython.longlong = self.row[0].into
        account.sums[side, column] += high - low
        if low == 0 and self.row[0].wire:
            account.sums[side, _PACKETS] += 1
        if tls and span > 0 and column == _STREAM:
            account.sums[side, _TLS] += tls * high // span - tls * low // span
        low += into
        high += into
        if low > 0 or high < payload:
            if payload <= 0:
                return 0
            header = header * high // payload - header * low // payload
            below = below * high // payload - below * low // payload
            ip = ip * high // payload - ip * low // payload
        account.sums[side, _LINK] += below
        account.sums[side, _IP] += ip
        account.sums[side, _TCP] += header - below - ip
        return 0

    @cython.ccall
    def emit(
        self,
        account: Account,
        side: cython.int,
        begin: cython.longlong,
        content: cython.longlong,
        behind: cython.longlong,
        end: cython.longlong,
    ) -> cython.int:
        """Put out a piece of the row: content [content, behind) of frame bytes [begin, end)."""
        low: cython.longlong = self._stands_for(begin)
        high: cython.longlong = self._stands_for(end)
        tls: cython.longlong = self.row[0].tls
        span: cython.longlong = self.row[0].span
        n: cython.Py_ssize_t = self.count
        self._room()
        self.out[n] = self.row[0]
        self.out[n].offset = self.row[0].offset + low
        self.out[n].acked = account.pending
        account.pending = -1
        # What is empty may be of a batch before.
        self.out[n].start = self.row[0].start + content if behind > content else 0
        self.out[n].direction = cython.cast(cython.int, 2 * account.slot + side)
        self.out[n].length = cython.cast(cython.int, behind - content)
        self.out[n].into = cython.cast(cython.int, self.row[0].into + low)
        self.out[n].wire = 0
        self.out[n].span = cython.cast(cython.int, high - low)
        if tls and span > 0:
            self.out[n].tls = cython.cast(cython.int, tls * high // span - tls * low // span)
        self.place_view[n] = self.place
        self.count = n + 1
        if account.sums[side, _SHOWN] < 0:
            # The walk takes the first byte that it sees for the first not acknowledged.
            account.sums[side, _SHOWN] = self.row[0].offset + low
        return 0

    # --- ACKs

    @cython.ccall
    def acknowledge(self, link: Link, side: cython.int) -> cython.int:
        """Share what the row acknowledges out to the streams whose bytes it newly covers."""
        other: Stretches = link.acks[1 - side]
        acked: cython.longlong = self.row[0].acked
        old: cython.longlong = other.acked
        end: cython.longlong
        low: cython.longlong
        high: cython.longlong
        found: Any
        last: Any = None
        if acked <= old:
            return 0
        other.acked = acked
        while other.count and other.begin < acked:
            end = other.ends[other.head]
            found = other.accounts[other.head]
            low = other.begin if other.begin > old else old
            high = end if end < acked else acked
            if found is not None and high > low:
                last = found
                self._acked(link, found, side, low, high, old)
            if end > acked:
                other.begin = acked
                break
            other._drop()
        if last is not None and self.row[0].kind == _PURE and self.row[0].wire and old >= 0:
            one: Account = last
            one.sums[side, _ACKS] += 1
            one.sums[side, _PACKETS] += 1
        return 0

    @cython.cfunc
    def _acked(
        self,
        link: Link,
        account: Account,
        side: cython.int,
        low: cython.longlong,
        high: cython.longlong,
        old: cython.longlong,
    ) -> cython.int:
        """Bytes [low, high) of an account are newly acknowledged by `side`."""
        whole: cython.longlong = self.row[0].acked - old
        cost: cython.longlong = self.row[0].wire
        below: cython.longlong = self.row[0].link
        ip: cython.longlong = self.row[0].ip
        is_pure: cython.bint = self.row[0].kind == _PURE and cost > 0
        if account.over:
            link.waiting.append(account)
        if is_pure and old >= 0:
            if low > old or high < self.row[0].acked:
                cost = cost * (high - old) // whole - cost * (low - old) // whole
                below = below * (high - old) // whole - below * (low - old) // whole
                ip = ip * (high - old) // whole - ip * (low - old) // whole
            account.sums[side, _LINK] += below
            account.sums[side, _IP] += ip
            account.sums[side, _TCP] += cost - below - ip
            account.sums[side, _ACK_BYTES] += cost
        else:
            cost = 0
        if account.slot < 0:
            return 0
        if not is_pure:
            if account.pending < 0:
                link.pending.append(account)
            account.pending = high
        else:
            if account.sums[1 - side, _SHOWN] != low:
                self._ack_row(account, side, low, 0)
            self._ack_row(account, side, high, cost)
        account.sums[1 - side, _SHOWN] = high
        return 0

    @cython.cfunc
    def _ack_row(
        self,
        account: Account,
        side: cython.int,
        acked: cython.longlong,
        cost: cython.longlong,
    ) -> cython.int:
        n: cython.Py_ssize_t = self.count
        self._room()
        self.out[n] = self.row[0]
        self.out[n].acked = acked
        self.out[n].direction = cython.cast(cython.int, 2 * account.slot + side)
        self.out[n].wire = cython.cast(cython.int, cost)
        self.out[n].kind = _PURE if cost else _FRAMING
        self.out[n].length = self.out[n].span = self.out[n].payload = 0
        self.out[n].into = self.out[n].tls = self.out[n].header_bytes = 0
        self.place_view[n] = self.place
        self.count = n + 1
        return 0

    @cython.ccall
    def settle(self, link: Link, side: cython.int) -> cython.int:
        """Show the ACKs of a row with payload to those that it has no payload of."""
        account: Account
        for each in link.pending:
            account = each
            if account.pending >= 0 and account.slot >= 0:
                self._ack_row(account, side, account.pending, 0)
            account.pending = -1
        link.pending.clear()
        return 0

    def send_again(self, link: Link, side: int) -> None:
        """Share the row, a retransmission, out to the streams whose bytes it has."""
        offset: int = int(self.row[0].offset)
        into: int = int(self.row[0].into)
        stretches: Stretches = link.acks[side]
        for account, low, high in stretches.within(offset, offset + int(self.row[0].length)):
            self._charge(account, side, low - offset, high - offset, _AGAIN)
            if account.slot < 0:
                continue
            n: cython.Py_ssize_t = self.count
            self._room()
            self.out[n] = self.row[0]
            self.out[n].acked = -1
            self.out[n].wire = 0
            self.out[n].offset = low
            self.out[n].into = into + low - offset
            self.out[n].length = self.out[n].span = high - low
            self.out[n].direction = 2 * account.slot + side
            self.place_view[n] = self.place
            self.count = n + 1

    def show_all(self, link: Link, side: int) -> None:
        """Show the row, which costs nothing, to all open WebSockets: each knows what it sent."""
        for account in link.open.values():
            n: cython.Py_ssize_t = self.count
            self._room()
            self.out[n] = self.row[0]
            self.out[n].direction = 2 * account.slot + side
            self.place_view[n] = self.place
            self.count = n + 1

    # --- the short way

    def run(
        self,
        rows: Rows,
        data: Any,
        places: Any,
        at: cython.Py_ssize_t,
        base: cython.Py_ssize_t,
        links: dict[int, Link],
    ) -> int:
        """Take rows as long as they hold only DATA of WebSockets, and ACKs.

        Args:
            rows: dtype CHUNK, those that http looks at.
            data: the batch's buffer.
            places: int64, where in the block each of them lies.
            at: the first to take.
            base: row of the batch at which the block begins.
            links: by slot.

        Returns:
            The row at which it stopped; `skip` bytes of it were taken.
        """
        self.rows = record_view(rows)
        self.data = data
        count: cython.Py_ssize_t = self.rows.shape[0]
        where: cython.longlong[::1] = places
        kind: cython.int
        self.skip = 0
        slot: cython.int = -1
        link: Any = None
        while at < count:
            if self.rows[at].direction >> 1 != slot:
                slot = self.rows[at].direction >> 1
                link = links.get(slot)
            if link is None:
                break
            kind = self.rows[at].kind
            if kind != _PURE and (kind != _DATA or self.rows[at].length == 0):
                break
            self.row[0] = self.rows[at]
            self.place = base + where[at]
            if not self._take(link, kind):
                break
            at += 1
        stopped: int = at
        return stopped

    @cython.cfunc
    def _take(self, link: Link, kind: cython.int) -> cython.bint:
        """Take the row in work; False where the long way has to go on."""
        side: cython.int = self.row[0].direction & 1
        reading: Reading = link.sides[side]
        if kind == _DATA and not reading.plain:
            return False
        if self.row[0].acked >= 0:
            self.acknowledge(link, side)
        if kind == _DATA:
            self.skip = self._frames(link, reading, side)
            if self.skip < self.row[0].length:
                # The long way must not take what is acknowledged once more.
                if self.skip == 0:
                    self.skip = -1
                return False
            self.skip = 0
            if link.pending:
                self.settle(link, side)
        if link.waiting:
            self.skip = self.row[0].length if kind == _DATA else -1
            return False
        return True

    @cython.cfunc
    def _frames(self, link: Link, reading: Reading, side: cython.int) -> cython.longlong:
        """Take frames of the row; return how many of its bytes they are."""
        start: cython.longlong = self.row[0].start
        size: cython.longlong = self.row[0].length
        p: cython.longlong = 0
        begin: cython.longlong
        n: cython.longlong
        left: cython.longlong
        number: cython.longlong
        account: Account
        if start < 0 or start + size > self.data.shape[0]:
            return 0
        while p < size:
            begin = p
            if reading.left == 0:
                if size - p < _HEADER:
                    return p
                left = self._number(start + p, 3)
                number = self._number(start + p + 5, 4) & 0x7FFFFFFF
                # Another type, any flag, or an unusual length is for the long way.
                if self.data[start + p + 3] or self.data[start + p + 4]:
                    return p
                if left == 0 or left > _MOST_FRAME:
                    return p
                found = link.open.get(number)
                if found is None:
                    return p
                account = found
                if link.watched:
                    if account.sums[side, _WINDOW] <= left or link.own.sums[side, _WINDOW] <= left:
                        return p
                    account.sums[side, _WINDOW] -= left
                    link.own.sums[side, _WINDOW] -= left
                account.sums[side, _HTTP] += _HEADER
                link.own.sums[side, _HTTP] += _HEADER
                reading.left = left
                reading.account = account
                reading.number = number
                p += _HEADER
            else:
                account = reading.account
            n = size - p
            if reading.left < n:
                n = reading.left
            self.attribute(link, side, begin, p + n, account)
            self.emit(account, side, begin, p, p + n, p + n)
            p += n
            reading.left -= n
        return p

    @cython.cfunc
    @cython.inline
    def _number(self, at: cython.longlong, count: cython.int) -> cython.longlong:
        value: cython.longlong = 0
        byte: cython.longlong
        k: cython.int
        for k in range(count):
            byte = int(self.data[at + k])
            value = (value << 8) | byte
        return value


def record_view(array: Any) -> Any:
    """Return `array` as the kernel takes it: with fields as attributes, uncompiled."""
    return array if cython.compiled else array.view(np.recarray)
