"""Every table and column, declared once: name, type, unit, null rule, a sentence.

CSV headers, Parquet types, JSON, DataFrames and docs/tables.md all come from here. Each
file next to this one has the tables of one subject.
Knows no packets and no report formats. Used by tables.build (which fills rows), by
the reports (which write them) and by analyzer.read_csv (which restores them).
"""

from __future__ import annotations

from collections.abc import Mapping

from analyzer.tables.declare import Column as Column
from analyzer.tables.declare import Table as Table
from analyzer.tables.declare import TableRows as TableRows
from analyzer.tables.declare import Type as Type
from analyzer.tables.declare import Values as Values
from analyzer.tables.schema.alternatives import ALTERNATIVES as ALTERNATIVES
from analyzer.tables.schema.alternatives import COMPRESSION as COMPRESSION
from analyzer.tables.schema.alternatives import SCALING as SCALING
from analyzer.tables.schema.comparison import COMPARISON as COMPARISON
from analyzer.tables.schema.comparison import COMPARISON_GROUPS as COMPARISON_GROUPS
from analyzer.tables.schema.connections import CONNECTIONS as CONNECTIONS
from analyzer.tables.schema.connections import HANDSHAKES as HANDSHAKES
from analyzer.tables.schema.diagnoses import DIAGNOSES as DIAGNOSES
from analyzer.tables.schema.findings import FINDINGS as FINDINGS
from analyzer.tables.schema.frames import FRAMES as FRAMES
from analyzer.tables.schema.frames import MESSAGES as MESSAGES
from analyzer.tables.schema.frames import PINGS as PINGS
from analyzer.tables.schema.hops import HOPS as HOPS
from analyzer.tables.schema.http import HTTP as HTTP
from analyzer.tables.schema.http import HTTP_GROUPS as HTTP_GROUPS
from analyzer.tables.schema.inside import CALL_OUTCOMES as CALL_OUTCOMES
from analyzer.tables.schema.inside import CALLS as CALLS
from analyzer.tables.schema.inside import FANOUT as FANOUT
from analyzer.tables.schema.inside import TOPICS as TOPICS
from analyzer.tables.schema.labels import CLIENTS as CLIENTS
from analyzer.tables.schema.labels import CLOSE_KINDS as CLOSE_KINDS
from analyzer.tables.schema.labels import CODINGS as CODINGS
from analyzer.tables.schema.labels import DIRECTIONS as DIRECTIONS
from analyzer.tables.schema.labels import HTTP_KINDS as HTTP_KINDS
from analyzer.tables.schema.labels import HTTP_TRANSPORTS as HTTP_TRANSPORTS
from analyzer.tables.schema.labels import MESSAGE_TYPES as MESSAGE_TYPES
from analyzer.tables.schema.labels import NO_HANDSHAKE as NO_HANDSHAKE
from analyzer.tables.schema.labels import OPCODES as OPCODES
from analyzer.tables.schema.labels import OUTCOMES as OUTCOMES
from analyzer.tables.schema.labels import SCHEMES as SCHEMES
from analyzer.tables.schema.labels import SCOPES as SCOPES
from analyzer.tables.schema.labels import SOURCES as SOURCES
from analyzer.tables.schema.labels import TRANSPORTS as TRANSPORTS
from analyzer.tables.schema.ledger import LEDGER as LEDGER
from analyzer.tables.schema.series import SERIES as SERIES
from analyzer.tables.schema.tls import TLS_SESSIONS as TLS_SESSIONS

TABLES = (
    *(CONNECTIONS, HANDSHAKES, FRAMES, MESSAGES, PINGS, HTTP, LEDGER, FINDINGS),
    *(COMPRESSION, ALTERNATIVES, SCALING, HTTP_GROUPS, TLS_SESSIONS),
    *(CALLS, TOPICS, FANOUT, HOPS, DIAGNOSES, SERIES),
)
"""All tables, in the order of the reports."""

BY_NAME: Mapping[str, Table] = {table.name: table for table in TABLES}

LEDGER_PARTS = tuple(column.name for column in LEDGER.columns[4:15])
"""The ledger's summands: link_bytes to unparsed_bytes make wire_bytes."""
