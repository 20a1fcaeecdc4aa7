"""Names of what TLS numbers: versions, cipher suites, groups, alerts (IANA's registries).

Knows numbers. Must not know messages. Used by tls.session and tables.
"""

from __future__ import annotations

from typing import Final

from analyzer.tls.cipher_suites import SUITES

TLS_1_0: Final = 0x0301
TLS_1_2: Final = 0x0303
TLS_1_3: Final = 0x0304

VERSIONS: Final = {
    0x0300: "SSL 3.0",
    0x0301: "TLS 1.0",
    0x0302: "TLS 1.1",
    0x0303: "TLS 1.2",
    0x0304: "TLS 1.3",
}

GROUPS: Final = {
    0x0013: "secp192r1",
    0x0015: "secp224r1",
    0x0016: "secp256k1",
    0x0017: "secp256r1",
    0x0018: "secp384r1",
    0x0019: "secp521r1",
    0x001A: "brainpoolP256r1",
    0x001B: "brainpoolP384r1",
    0x001C: "brainpoolP512r1",
    0x001D: "x25519",
    0x001E: "x448",
    0x001F: "brainpoolP256r1tls13",
    0x0020: "brainpoolP384r1tls13",
    0x0021: "brainpoolP512r1tls13",
    0x0100: "ffdhe2048",
    0x0101: "ffdhe3072",
    0x0102: "ffdhe4096",
    0x0103: "ffdhe6144",
    0x0104: "ffdhe8192",
    0x0200: "MLKEM512",
    0x0201: "MLKEM768",
    0x0202: "MLKEM1024",
    0x11EB: "SecP256r1MLKEM768",
    0x11EC: "X25519MLKEM768",
    0x11ED: "SecP384r1MLKEM1024",
    0x6399: "X25519Kyber768Draft00",
}
"""Supported groups (RFC 8446 4.2.7, RFC 7919, and those of key agreement with ML-KEM)."""

ALERTS: Final = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
    121: "ech_required",
}
"""Descriptions of alerts (RFC 8446 6, RFC 5246 7.2)."""

_DRAFT: Final = 0x7F
_FRESH: Final = ("TLS_DHE_", "TLS_ECDHE_", "TLS_DH_anon_", "TLS_ECDH_anon_")


def version_name(version: int) -> str:
    """Return a version's name, such as TLS 1.3.

    Drafts of TLS 1.3 had numbers of their own: 0x7f and the draft's (RFC 8446's drafts 4.2.1).
    """
    if version >> 8 == _DRAFT and version & 0xFF:
        return f"TLS 1.3 draft {version & 0xFF}"
    return VERSIONS.get(version, f"version 0x{version:04x}")


def suite_name(suite: int) -> str:
    """Return a cipher suite's name, or its number in hexadecimal."""
    return SUITES.get(suite, f"0x{suite:04x}")


def group_name(group: int) -> str:
    """Return a group's name, or its number in hexadecimal."""
    return GROUPS.get(group, f"0x{group:04x}")


def alert_name(description: int) -> str:
    """Return an alert's name, or its number."""
    return ALERTS.get(description, f"alert {description}")


def has_forward_secrecy(suite: int) -> bool:
    """Return whether each session of a suite before TLS 1.3 makes keys of its own.

    RFC 9325 4.1: "Implementations SHOULD NOT negotiate cipher suites based on RSA key
    transport". Static Diffie-Hellman and plain pre-shared keys are no better. Suites without
    a name here get the benefit of the doubt.
    """
    name = SUITES.get(suite)
    return name is None or name.startswith(_FRESH)
