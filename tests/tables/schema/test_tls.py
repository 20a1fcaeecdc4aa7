"""The table of TLS sessions shares its addresses with the others."""

from __future__ import annotations

from analyzer.tables.schema import HANDSHAKES
from analyzer.tables.schema.tls import TLS_SESSIONS


def test_endpoints_are_declared_as_in_handshakes():
    mine = {column.name: column for column in TLS_SESSIONS.columns}
    shared = [column for column in HANDSHAKES.columns if column.name in mine]
    names = ["tcp_stream", "client_ip", "client_port", "server_ip", "server_port"]
    assert [column.name for column in shared[:5]] == names
    assert all(mine[column.name] is column for column in shared[:5])
