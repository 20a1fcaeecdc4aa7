"""Cipher suites by number, spot checks against the RFCs that define them."""

from __future__ import annotations

import pytest

from analyzer.tls.cipher_suites import SUITES


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0x1301, "TLS_AES_128_GCM_SHA256"),  # RFC 8446 B.4
        (0x1307, "TLS_AEGIS_128L_SHA256"),  # draft-irtf-cfrg-aegis-aead
        (0x00FF, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"),  # RFC 5746 3.3
        (0x5600, "TLS_FALLBACK_SCSV"),  # RFC 7507 2
        (0xC0AE, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),  # RFC 7251 2
        (0xCCAC, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256"),  # RFC 7905 2
        (0xD005, "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256"),  # RFC 8442 3
        (0xC03C, "TLS_RSA_WITH_ARIA_128_CBC_SHA256"),  # RFC 6209 2
    ],
)
def test_names_of_the_registry(number, name):
    assert SUITES[number] == name


def test_there_is_nothing_else():
    assert all(name.startswith("TLS_") for name in SUITES.values())
    assert len(set(SUITES.values())) == len(SUITES)
