"""The table of TLS sessions; tables.schema re-exports this and has the others.

Knows columns. Must not know sessions.
"""

from __future__ import annotations

from analyzer.tables.declare import ADDRESSES as _ADDRESSES
from analyzer.tables.declare import NEVER, NOT_SEEN, NOT_SENT, Table
from analyzer.tables.declare import TCP_STREAM as _TCP_STREAM
from analyzer.tables.declare import Column as _Column
from analyzer.tables.declare import boolean as _bool
from analyzer.tables.declare import enum as _enum
from analyzer.tables.declare import integer as _int
from analyzer.tables.declare import text as _text
from analyzer.tables.declare import time as _time
from analyzer.tables.declare import us as _us
from analyzer.tables.schema.labels import DIRECTIONS

_NO_SERVER_HELLO = "ServerHello not captured"
_NO_TLS = "no TLS, or not captured"

HANDSHAKE_COLUMNS = (
    _us(
        "tls_hello_us",
        "no TLS, not captured, or an older connection",
        "The part of tls_us up to the end of the ServerHello.",
    ),
    _us(
        "tls_finish_us",
        "no TLS, not captured, or an older connection",
        "The rest of tls_us, up to the last Finished.",
    ),
    _text("tls_version", _NO_TLS, "Version of TLS that the server chose."),
    _text("cipher", _NO_TLS, "Cipher suite, by its IANA name."),
    _text("alpn", "no TLS, none chosen, or encrypted", "Protocol that the server chose (ALPN)."),
    _text("sni", "no TLS, or not sent", "Server name that the client asked for (SNI)."),
    _bool("resumed", "no TLS, or not known", "Whether keys of an earlier session were used."),
)
"""What `handshakes` says of the session under an attempt."""

TLS_SESSIONS = Table(
    "tls_sessions",
    "One row for each TLS session with a captured hello, whatever it carries. See "
    "numbers.md for the rules.",
    (
        _TCP_STREAM,
        *_ADDRESSES,
        _text("sni", NOT_SENT, "Server name that the client asked for (SNI)."),
        _text("alpn_offered", NOT_SENT, "Protocols that the client offered (ALPN)."),
        _text("alpn", "none chosen, or TLS 1.3", "Protocol that the server chose."),
        _text("version", _NO_SERVER_HELLO, "Version that the server chose, such as TLS 1.3."),
        _text("cipher_suite", _NO_SERVER_HELLO, "Cipher suite, by its IANA name."),
        _text("group", "none, or not captured", "Group of the key exchange."),
        _bool("resumed", "not known", "Whether keys of an earlier session were used."),
        _bool("hello_retry", NEVER, "Whether the server asked for another ClientHello."),
        _time("started_at", NOT_SEEN, "First byte of the ClientHello."),
        _us("server_hello_us", NOT_SEEN, "From the ClientHello to the end of the ServerHello."),
        _us(
            "client_finished_us",
            "not captured, or early data offered",
            "From the ClientHello to the client's Finished.",
        ),
        _us(
            "tls_us",
            "not captured, or early data offered",
            "From the ClientHello to the last Finished.",
        ),
        _us(
            "first_data_us",
            "none captured, or early data offered",
            "From the ClientHello to the client's first application data record.",
        ),
        _int("client_records", NEVER, "Application data records from the client."),
        _int("server_records", NEVER, "Application data records from the server."),
        _int("client_record_bytes", NEVER, "Total length of these, encrypted, without headers."),
        _int("server_record_bytes", NEVER, "Total length of these, encrypted, without headers."),
        _text("alert", "none seen", "First alert, and who sent it."),
        _bool("websocket_guess", NEVER, "Whether it is guessed to carry a WebSocket."),
        _bool("decrypted", NEVER, "Whether application data records could be decrypted."),
        _int("client_content_bytes", "not decrypted", "Decrypted application data of the client."),
        _int("server_content_bytes", "not decrypted", "Decrypted application data of the server."),
        _int("key_updates", "not decrypted", "KeyUpdates of both sides (TLS 1.3)."),
        _int("tickets", "not decrypted", "Session tickets that the server sent."),
        _bool("early_data", "not decrypted, or not offered", "Whether 0-RTT data was accepted."),
        _time("ended_at", "not ended", "First close_notify, FIN or RST."),
        _enum("ended_by", DIRECTIONS, "not ended", "Who sent it."),
        _Column(
            "duration_s", "seconds", "not ended, or not captured", "From started_at to ended_at."
        ),
        _Column(
            "client_idle_s",
            "seconds",
            "not ended, or not known",
            "From the client's last byte above TCP before ended_at to ended_at.",
        ),
        _Column(
            "server_idle_s",
            "seconds",
            "not ended, or not known",
            "From the server's last byte above TCP before ended_at to ended_at.",
        ),
    ),
)
