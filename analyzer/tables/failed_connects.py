"""TCP connects that failed: rows of `handshakes` where the server speaks WebSocket.

A SYN says nothing of WebSocket. Only where the same server address and port has an
upgrade attempt elsewhere in the capture does a failed connect become a row; all others
are a finding per server. Used by tables.build.
"""

from __future__ import annotations

from analyzer import findings
from analyzer.findings import Finding
from analyzer.options import Options
from analyzer.tables.timing import Attempt, Endpoints, failed_connect
from analyzer.tcp.bytestream import Connection

_Server = tuple[str, int]


class FailedConnects:
    """Holds failed connects until the end of the capture, when the servers are known."""

    def __init__(self, options: Options) -> None:
        self._limit = options.max_failed_connects
        self._servers: set[_Server] = set()
        self._failed: list[tuple[_Server, Connection]] = []
        self._more = 0

    def attempted(self, endpoints: Endpoints) -> None:
        """Note a server that was asked to upgrade."""
        if len(self._servers) < self._limit:
            self._servers.add((endpoints.server_ip, endpoints.server_port))

    def add(self, tcp: Connection) -> None:
        """Note a CONNECTION row whose SYN was answered by RST or by nothing."""
        if len(self._failed) >= self._limit:
            self._more += 1
            return
        endpoints = Endpoints.of(tcp, 0)
        self._failed.append(((endpoints.server_ip, endpoints.server_port), tcp))

    def finish(self, number: int) -> tuple[list[Attempt], list[Finding]]:
        """Return rows, numbered from `number`, and findings about the other servers."""
        attempts: list[Attempt] = []
        others: dict[tuple[_Server, bool], list[Connection]] = {}
        for server, tcp in sorted(self._failed, key=lambda item: item[1].tcp_stream):
            refused = tcp.reset_side == 1
            if server in self._servers:
                outcome = "syn-refused" if refused else "syn-unanswered"
                attempts.append(
                    failed_connect(number + len(attempts), tcp, outcome, _reason(tcp, refused))
                )
            else:
                others.setdefault((server, refused), []).append(tcp)
        found = [_finding(server, refused, rows) for (server, refused), rows in others.items()]
        if self._more:
            found.append(Finding(findings.TCP_CONNECT_LIMIT, detail=self._more, count=self._more))
        return attempts, found


def _reason(tcp: Connection, refused: bool) -> str:
    if refused:
        return "The server answered the SYN with RST: nothing listens on that port."
    sent = tcp.syn_retries + 1
    return f"The SYN was sent {'once' if sent == 1 else f'{sent} times'} and never answered."


def _finding(server: _Server, refused: bool, rows: list[Connection]) -> Finding:
    kind = findings.TCP_CONNECT_REFUSED if refused else findings.TCP_CONNECT_UNANSWERED
    address, port = server
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return Finding(kind, packet=rows[0].first_packet, detail=where, count=len(rows))
