"""Requests: the messages in their bodies, found as they pass.

Knows content, without chunk framing; must not know connections. Called by http.plain_exchanges.
"""

from __future__ import annotations

from analyzer.http.delivery.callers import ENGINE_IO, Target
from analyzer.http.delivery.carried import CLIENT, Carrier
from analyzer.http.delivery.deliveries import Store
from analyzer.http.delivery.inflating import CODINGS, Inflater
from analyzer.http.delivery.keeping import Told
from analyzer.http.delivery.payloads import (
    Found,
    engine_io_carried,
    engine_io_messages,
    sockjs_messages,
    sockjs_payloads,
)
from analyzer.http.exchanges import Exchange
from analyzer.http.head import Head
from analyzer.options import Options


class RequestReader:
    """Finds the messages in a request's body, of transports that pack several into one.

    Undoes its coding; hands on what it says to who samples it.

    Attributes:
        reading: it wants the rest of the body.
        carried: of a complete body: as of Exchange.
    """

    __slots__ = (
        *("_carrier", "_content", "_inflater", "_options", "_store", "_target"),
        *("_told", "_whole", "carried", "reading"),
    )

    def __init__(
        self,
        target: Target,
        head: Head,
        options: Options,
        store: Store,
        carrier: Carrier | None = None,
        told: Told | None = None,
    ) -> None:
        """Make ready for the content after `head`.

        `carrier` hands on what it says, `told` takes the messages for who samples them.
        """
        self._carrier, self._told = carrier, told
        self._target, self._options, self._store = target, options, store
        self._whole: bytearray | None = None
        self._inflater: Inflater | None = None
        self._content = 0
        coding = head.values.get("content-encoding", "").strip().lower()
        if coding in CODINGS and not target.transport:
            self._inflater = Inflater(coding, options.max_inflated_bytes)
        if (target.transport and not coding) or (
            told is not None and (self._inflater is not None or coding in ("", "identity"))
        ):
            self._whole = bytearray()
        self.reading = self._whole is not None or self._inflater is not None
        self.carried: list[int] = []

    def take(self, data: bytes, time: int) -> None:
        """Read on in the content."""
        if self._inflater is None:
            self._take(data)
            return
        for piece in self._inflater.take(data):
            self._content += len(piece)
            self._take(piece)
        if self._inflater.failed:
            # It counts as it was sent.
            self.settle()

    def _take(self, data: bytes) -> None:
        if self._whole is None:
            return
        self._whole += data
        self._store.kept += len(data)
        total = self._options.max_delivery_bytes_total
        most = self._options.max_delivery_body_bytes
        if len(self._whole) > most or self._store.kept > total:
            if self._target.transport:
                self.lost()
            else:
                # Its size is enough.
                self._forget()

    def chunk(self, time: int) -> None:
        """A chunk ends: of no account here."""

    def lost(self) -> None:
        """Bytes of the content were not captured, or it is too long."""
        if self._carrier is not None and self.reading:
            self._carrier.lost(CLIENT)
        self.settle()

    def settle(self) -> None:
        """Keep nothing any more."""
        self._forget()
        self._inflater = None
        self.reading = False

    def _forget(self) -> None:
        if self._whole is not None:
            self._store.kept -= len(self._whole)
        self._whole = None
        self.reading = self._inflater is not None

    def end(self, content: int, exchange: Exchange) -> list[int]:
        """Return the sizes of the messages in a complete body of `content` bytes as it was sent."""
        found = None
        if self._inflater is not None:
            content = self._content
        if self._whole is not None:
            body = bytes(self._whole)
            payloads = [body] if body else []
            if self._carrier is not None and body:
                self._carrier.request(body)
            if self._target.transport == ENGINE_IO:
                found = engine_io_messages(body, self._target.version)
                payloads = engine_io_carried(body, self._target.version)
                self.carried = [*map(len, payloads[: self._options.max_deliveries])]
            elif self._target.transport:
                found = sockjs_messages(body)
                payloads = sockjs_payloads(body) or payloads
            if self._told is not None:
                for payload in payloads:
                    self._told.add(payload, len(payload))
                self._told.give(exchange)
        self.settle()
        if found is None:
            found = Found((content,) if content else ())
        return list(found.sizes[: self._options.max_deliveries])
