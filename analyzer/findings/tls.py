"""Findings of TLS (RFC 8446, RFC 5246) and of its decryption."""

from __future__ import annotations

from analyzer.findings.kinds import NOTE, WARNING
from analyzer.findings.kinds import kind_of as _kind

TLS_NO_KEYS = _kind(
    "tls-no-keys",
    NOTE,
    "",
    "Guessed to be a WebSocket over TLS ({detail}): only its handshake and sizes "
    "are visible. Keys make the frames visible (--keys FILE): SSLKEYLOGFILE=FILE "
    "in the environment of Firefox, Chrome or curl; node --tls-keylog=FILE; "
    "ssl.SSLContext.keylog_filename in Python; tls.Config.KeyLogWriter in Go; the "
    "agents jSSLKeyLog or extract-tls-secrets (java -javaagent:) in Java.",
)
TLS_WRONG_KEYS = _kind(
    "tls-wrong-keys",
    WARNING,
    "",
    "{detail}. A key log must be written while the session begins: SSLKEYLOGFILE=FILE in the "
    "environment of Firefox, Chrome or curl; node --tls-keylog=FILE; "
    "ssl.SSLContext.keylog_filename in Python.",
)
TLS_OLD_VERSION = _kind(
    "tls-old-version", WARNING, "RFC 8996", "The TLS version is deprecated: {detail}."
)
TLS_NO_FORWARD_SECRECY = _kind(
    "tls-no-forward-secrecy",
    WARNING,
    "RFC 9325 4.1",
    "Whoever gets the server's key, or the shared one, can decrypt this session later: {detail}.",
)
TLS_ALERT = _kind("tls-alert", WARNING, "RFC 8446 6.2", "An alert ended the handshake: {detail}.")
TLS_MALFORMED = _kind(
    "tls-malformed", WARNING, "RFC 8446 4", "A TLS session cannot be read: {detail}."
)
TLS_RECORDS_LOST = _kind(
    "tls-records-lost",
    NOTE,
    "RFC 8446 5.1",
    "Record boundaries were lost after bytes that were not captured; the records "
    "in between are not counted.",
)
TLS_RECORDS_MISSING = _kind(
    "tls-records-missing",
    WARNING,
    "RFC 8446 5.1",
    "Records were lost with bytes that were not captured ({detail}); decryption "
    "continued after them where a tag proved the position.",
)
TLS_UNREADABLE = _kind(
    "tls-unreadable",
    WARNING,
    "RFC 8446 5.2",
    "Records whose authentication tag fits no key in the key log: {detail}.",
)
TLS_KEYS_INCOMPLETE = _kind(
    "tls-keys-incomplete",
    NOTE,
    "",
    "The key log has some keys of this session, but not those for {detail}.",
)
TLS_CANNOT_DECRYPT = _kind(
    "tls-cannot-decrypt", WARNING, "", "No key log can decrypt this session: {detail}."
)
TLS_INNER_ALERT = _kind(
    "tls-inner-alert", NOTE, "RFC 8446 6", "An encrypted alert was sent: {detail}."
)
TLS_KEY_LOG_LINES = _kind(
    "tls-key-log-lines", NOTE, "", "Lines of key logs that cannot be used: {detail}."
)
TLS_HELD_LIMIT = _kind(
    "tls-held-limit",
    WARNING,
    "",
    "A session that waits for keys was given up: {detail} is reached.",
)
TLS_HELLO_LIMIT = _kind(
    "tls-hello-limit", WARNING, "", "A handshake message was given up: {detail} is reached."
)
TLS_ATTEMPT_LIMIT = _kind(
    "tls-attempt-limit",
    NOTE,
    "",
    "Encrypted connections beyond max_encrypted_attempts have no row in handshakes: {detail}.",
)
