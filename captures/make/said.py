"""Log what Python programs say in terms of their own protocol, as inside/said.js does."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any

import recording
from ends import Log


def port_of(end: Any, who: str) -> int:
    """The client's port of a connection of the package websockets."""
    address = end.local_address if who == "client" else end.remote_address
    return int(address[1])


class Said(Log):
    """Events of recording, and those of make/inside/said.js."""

    def say(
        self, port: int, who: str, inner: str, kind: str, name: str | None, **more: Any
    ) -> None:
        self.add(port, who, "said", inner=inner, kind=kind, name=name, at=time.time(), **more)

    async def call(
        self, port: int, who: str, inner: str, name: str, answer: Awaitable[Any], **more: Any
    ) -> Any:
        """Log a call when it is answered; what raises is an error."""
        outcome, asked_at = "ok", time.time()
        try:
            value = await answer
        except Exception as error:
            outcome, value = "error", error
        times = {"asked_at": asked_at, "answered_at": time.time()}
        self.add(port, who, "call", inner=inner, name=name, outcome=outcome, **times, **more)
        return value


class Watched:
    """A connection of the package websockets that logs what goes through it."""

    def __init__(self, end: Any, who: str, log: Said) -> None:
        self.end, self.who, self.log = end, who, log
        self.port = port_of(end, who)
        if who == "client":
            self.log.add(self.port, who, "open", path=end.request.path)

    @property
    def subprotocol(self) -> str | None:
        return self.end.subprotocol

    async def send(self, data: str | bytes) -> None:
        self.log.data(self.port, self.who, "sent", data)
        await self.end.send(data)

    async def recv(self) -> str | bytes:
        data = await self.end.recv()
        self.log.data(self.port, self.who, "received", data)
        return data

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.log.add(self.port, self.who, "closing", how="close", code=code, reason=reason)
        await self.end.close(code, reason)


__all__ = ["Said", "Watched", "port_of", "recording"]
