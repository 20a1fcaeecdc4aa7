"""Names of numbers, against OpenSSL's and tshark's own."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from analyzer.tls import names


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_suites_are_named_as_openssl_names_them():
    command = ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"0x(..),0x(..) - (TLS_\S+)", lines)
    assert len(found) > 60
    named = {int(high + low, 16): name for high, low, name in found}
    known = {number: name for number, name in named.items() if number in names.SUITES}
    assert len(known) > 60
    assert {number: names.SUITES[number] for number in known} == known


@pytest.mark.tshark
def test_alerts_are_named_as_tshark_names_them():
    lines = subprocess.run(["tshark", "-G", "values"], capture_output=True, check=True).stdout
    found = re.findall(r"^V\ttls.alert_message.desc\t(\d+)\t(.+)$", lines.decode(), re.MULTILINE)
    theirs = {int(code): name.lower().replace(" ", "_") for code, name in found}
    theirs.pop(1)  # "End of Early Data" was an alert in drafts only
    assert theirs == names.ALERTS


@pytest.mark.parametrize(
    ("suite", "fresh"),
    [
        (0xC02F, True),  # TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        (0x009E, True),  # TLS_DHE_RSA_WITH_AES_128_GCM_SHA256
        (0x009C, False),  # TLS_RSA_WITH_AES_128_GCM_SHA256
        (0x002F, False),  # TLS_RSA_WITH_AES_128_CBC_SHA
        (0xC004, False),  # TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA: static
        (0x008C, False),  # TLS_PSK_WITH_AES_128_CBC_SHA
        (0xCCAC, True),  # TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256
        (0xFEDC, True),  # not known
    ],
)
def test_forward_secrecy(suite, fresh):
    assert names.has_forward_secrecy(suite) == fresh


def test_what_has_no_name_shows_as_a_number():
    assert names.suite_name(0xFEDC) == "0xfedc"
    assert names.group_name(0x11EC) == "X25519MLKEM768"
    assert names.group_name(0xABCD) == "0xabcd"
    assert names.version_name(0x0304) == "TLS 1.3"
    assert names.version_name(0x0305) == "version 0x0305"
    assert names.alert_name(200) == "alert 200"
