"""The HTTP server of metrics: /metrics, /healthz, and 404 for all else.

Knows HTTP and prometheus_client, which is imported when a server is made. Must not know what is
counted. Used by report.metrics.
"""

from __future__ import annotations

import errno
import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from analyzer.errors import ReportError

STALLED_S: Final = 10.0
"""A run that did not look at the clock for so long is not alive: it does so each 0.1 s."""
_REQUEST_S: Final = 10.0
"""A client that connects and asks nothing holds a thread no longer."""


class Health:
    """Whether the capture goes on, for /healthz.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked = clock()
        self._packet_at: float | None = None
        self._received = self._dropped = 0
        self._is_up = True

    def look(self, received: int, dropped: int, *, is_up: bool) -> None:
        """Take the capture's counters."""
        self._looked = self._clock()
        if received > self._received:
            self._packet_at = self._looked
        self._received, self._dropped, self._is_up = received, dropped, is_up

    def answer(self) -> tuple[int, dict[str, object]]:
        """Return the status (200, or 503 if nothing is captured) and the text of the answer."""
        now = self._clock()
        capturing = self._is_up and now - self._looked < STALLED_S
        age = None if self._packet_at is None else round(now - self._packet_at, 3)
        told: dict[str, object] = {
            "capturing": capturing,
            "interface_up": self._is_up,
            "last_packet_age_s": age,
            "packets_received": self._received,
            "packets_dropped": self._dropped,
        }
        return (200 if capturing else 503), told


class Server(ThreadingHTTPServer):
    """Serves a registry and the health of a run, from a separate thread."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], registry: Any, health: Health) -> None:
        """Listen and serve.

        Raises:
            ReportError: Nothing can listen there.
        """
        try:
            found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            self.address_family = found[0][0]
            super().__init__(address, _handler(registry, health))
        except OSError as error:
            where = f"{address[0]}:{address[1]}"
            hint = None
            if error.errno == errno.EADDRINUSE:
                hint = f"another program listens there (ss -ltnp 'sport = :{address[1]}')"
            elif error.errno == errno.EACCES:
                hint = "ports below 1024 belong to root"
            reason = error.strerror or str(error)
            raise ReportError(f"cannot serve metrics at {where}: {reason}", hint=hint) from error
        self._thread = threading.Thread(target=self.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""

    def end(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()
        self._thread.join()


def _handler(registry: Any, health: Health) -> type[BaseHTTPRequestHandler]:
    from prometheus_client import CONTENT_TYPE_LATEST
    from prometheus_client.exposition import choose_encoder

    class Handler(BaseHTTPRequestHandler):
        server_version = "wsanalyze"
        sys_version = ""
        timeout = _REQUEST_S

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: standard error is the operator's."""

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            status, kind = 404, "text/plain; charset=utf-8"
            body = b"/metrics or /healthz\n"
            if path == "/metrics":
                encode, kind = choose_encoder(self.headers.get("Accept") or CONTENT_TYPE_LATEST)
                status, body = 200, encode(registry)
            elif path == "/healthz":
                status, told = health.answer()
                kind, body = "application/json", json.dumps(told).encode() + b"\n"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    return Handler
