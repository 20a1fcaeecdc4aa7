"""What suites ask for: against openssl's own list, and the RFCs' sizes."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from analyzer.tls.names import SUITES
from analyzer.tls.suites import Kind, suite_keys

KINDS = {
    "AESGCM": Kind.GCM,
    "AESCCM": Kind.CCM,
    "AESCCM8": Kind.CCM,
    "CHACHA20/POLY1305": Kind.CHACHA20,
    "AES": Kind.AES_CBC,
    "Camellia": Kind.CAMELLIA_CBC,
}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_suites_of_openssl():
    """Cipher, size of key and MAC as openssl says; all but ARIA and NULL can be read."""
    command = ["openssl", "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seen = 0
    for high, low, cipher, bits, mac in re.findall(
        r"0x(..),0x(..) - .*Enc=([^\s(]+)\((\d+)\)\s+Mac=(\S+)", text
    ):
        number = int(high + low, 16)
        if number not in SUITES:
            assert "SRP" in text or number >> 8 == 0xC0
            continue
        keys = suite_keys(number)
        if cipher.startswith("ARIA"):
            assert keys is None
            continue
        assert keys is not None, SUITES[number]
        assert keys.kind is KINDS[cipher]
        assert keys.key_bytes * 8 == int(bits)
        assert keys.mac == (None if mac == "AEAD" else mac.lower())
        assert keys.tag_bytes == {"AEAD": 8 if cipher == "AESCCM8" else 16}.get(mac, 0)
        seen += 1
    assert seen > 80


@pytest.mark.parametrize(
    ("number", "hash_", "iv"),
    [
        (0x1301, "sha256", 12),
        (0x1302, "sha384", 12),
        (0x1303, "sha256", 12),
        (0x1305, "sha256", 12),
        (0xC02F, "sha256", 4),
        (0xC030, "sha384", 4),
        (0xC0AE, "sha256", 4),  # RFC 7251 2: "the TLS PRF with SHA-256"
        (0xCCA8, "sha256", 12),
        (0xC014, "sha256", 16),  # RFC 5246 5: named before TLS 1.2
        (0xC028, "sha384", 16),
        (0x000A, "sha256", 8),
    ],
)
def test_hashes_and_vectors(number, hash_, iv):
    keys = suite_keys(number)
    assert (keys.hash, keys.iv_bytes) == (hash_, iv)


@pytest.mark.parametrize("number", [0, 0x0005, 0x003B, 0x0009, 0x00FF, 0xC061, 0xC07B, 0xFFFF])
def test_what_cannot_be_read(number):
    assert suite_keys(number) is None
