"""Decryption against real ends: every version and cipher, loss anywhere, keys in any state."""

from __future__ import annotations

import random
import ssl
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from oracle import tls
from oracle.tls_sessions import (
    WITHOUT_ENCRYPT_THEN_MAC,
    WITHOUT_EXTENDED_MASTER_SECRET,
    V,
    decrypt,
    ends_of,
    ring_of,
    spoken,
    talk,
)

from analyzer.tls.decryption import Decryptor
from analyzer.tls.keylog import KeyRing

TLS12 = [
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-CCM",
    "AES256-CCM8",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "DHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-CCM",
    "DHE-RSA-AES128-CCM8",
    "DHE-RSA-CHACHA20-POLY1305",
    "ADH-AES128-GCM-SHA256",
]
CBC12 = [
    "AES128-SHA",
    "AES128-SHA256",
    "AES256-SHA256",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-RSA-AES256-SHA384",
    "DHE-RSA-AES256-SHA256",
    "CAMELLIA128-SHA",
    "ECDHE-RSA-CAMELLIA256-SHA384",
    "ADH-AES256-SHA",
]
OLD = ["AES128-SHA", "AES256-SHA", "ECDHE-RSA-AES128-SHA", "CAMELLIA256-SHA"]


# --- suites and versions


def test_tls13(talk13):
    plain = decrypt(talk13.records, ring_of(talk13.log))
    plain.check(*talk13.said)
    assert plain.decryptor.tickets == 2
    assert plain.decryptor.alerts == [(0, 1, 0), (1, 1, 0)]
    assert plain.decryptor.early_data_accepted is False


@pytest.mark.parametrize("suite", TLS12)
def test_aead_of_tls12(folder, suite):
    spoke = spoken(folder, V.TLSv1_2, suite)
    decrypt(spoke.records, ring_of(spoke.log)).check(*spoke.said)


@pytest.mark.parametrize(
    "suite",
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-CCM",
        "ECDHE-ECDSA-AES128-CCM8",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES256-SHA384",
    ],
)
def test_suites_of_ecdsa(tmp_path, suite):
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=peer.example", "-keyout", str(tmp_path / "key.pem")]
    command += ["-out", str(tmp_path / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)
    spoke = spoken(tmp_path, V.TLSv1_2, suite)
    decrypt(spoke.records, ring_of(spoke.log)).check(*spoke.said)


@pytest.mark.parametrize("options", [0, WITHOUT_ENCRYPT_THEN_MAC], ids=["etm", "mte"])
@pytest.mark.parametrize("suite", CBC12)
def test_cbc_of_tls12(folder, suite, options):
    spoke = spoken(folder, V.TLSv1_2, suite, options)
    plain = decrypt(spoke.records, ring_of(spoke.log))
    plain.check(*spoke.said)
    assert plain.decryptor.server.encrypt_then_mac is (options == 0)


@pytest.mark.parametrize("options", [0, WITHOUT_ENCRYPT_THEN_MAC], ids=["etm", "mte"])
@pytest.mark.parametrize("version", [V.TLSv1, V.TLSv1_1])
@pytest.mark.parametrize("suite", OLD)
def test_cbc_of_older_versions(folder, suite, version, options):
    spoke = spoken(folder, version, suite, options)
    decrypt(spoke.records, ring_of(spoke.log)).check(*spoke.said)


def test_protocol_of_the_application(folder):
    for version in (V.TLSv1_2, V.TLSv1_3):
        pair = ends_of(folder, version)
        for each in pair:
            each.set_alpn_protocols(["h2", "http/1.1"])
        spoke = talk(*pair, folder)
        assert decrypt(spoke.records, ring_of(spoke.log)).decryptor.alpn == "h2"


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_resumption_by_ticket(folder, version):
    pair = ends_of(folder, version)
    first = talk(*pair, folder)
    second = talk(*pair, folder, session=first.session)
    plain = decrypt(second.records, ring_of(second.log))
    plain.check(*second.said)
    assert plain.decryptor.client.pre_shared_key or plain.decryptor.client.ticket


def test_resumption_by_id(folder):
    pair = ends_of(folder, V.TLSv1_2, options=ssl.OP_NO_TICKET)
    first = talk(*pair, folder)
    second = talk(*pair, folder, session=first.session)
    plain = decrypt(second.records, ring_of(second.log))
    plain.check(*second.said)
    assert plain.decryptor.client.session_id == plain.decryptor.server.session_id != b""


def test_what_is_not_supported_is_named(folder):
    for changed, reason in [
        ({"suite": 0x0005}, "TLS_RSA_WITH_RC4_128_SHA in TLS 1.2"),
        ({"suite": 0xC061}, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384 in TLS 1.2"),
        ({"suite": 0x1301}, "TLS_AES_128_GCM_SHA256 in TLS 1.2"),
        ({"version": 0x0300, "suite": 0x0035}, "SSL 3.0"),
        ({"version": 0x0301}, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 in TLS 1.0"),
    ]:
        decryptor = Decryptor(ring_of(""))
        decryptor.record(0, 22, 0x0301, tls.client_hello())
        decryptor.record(1, 22, 0x0303, tls.server_hello(**changed))
        assert decryptor.cannot == reason + " is not supported"
        decryptor.record(0, 20, 0x0303, b"\1")
        assert decryptor.record(0, 22, 0x0303, bytes(40)) is None
        assert not decryptor.waits_for_keys


# --- keys that come late, or belong to others


@pytest.mark.parametrize("which", ["talk12", "talk13"])
def test_keys_that_come_line_by_line(which, request):
    """Whatever keys are there, a record that has to wait changes nothing."""
    spoke = request.getfixturevalue(which)
    ring = KeyRing()
    decryptor = Decryptor(ring)
    lines = spoke.log.splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    waited = 0
    data = [b"", b""]
    for side, kind, version, body in spoke.records:
        while (opened := decryptor.record(side, kind, version, body)) is None:
            assert decryptor.waits_for_keys
            assert decryptor.waits(side)
            assert decryptor.record(side, kind, version, body) is None
            waited += 1
            before = ring.generation
            while ring.generation == before:
                ring.add(lines.pop(), "log")
        if opened[0] == 23:
            data[side] += opened[2]
    assert waited > 0
    assert decryptor.failures == [0, 0] == decryptor.unread
    # Application data's keys may come before those of the handshake; then its records are
    # passed over. The shuffle above has them in time.
    assert tuple(data) == spoke.said


def test_only_keys_of_application_data(talk13):
    """Some programs log no others; the handshake then stays unread."""
    log = b"".join(
        line for line in talk13.log.splitlines(keepends=True) if b"HANDSHAKE" not in line
    )
    plain = decrypt(talk13.records, ring_of(log))
    assert plain.data == talk13.said
    assert plain.decryptor.unread == [1, 4]
    assert plain.decryptor.failures == [0, 0]


@pytest.mark.parametrize("which", ["talk12", "talk13"])
def test_a_random_with_several_secrets(which, request):
    """A client random that was used twice: what fits is found by trying."""
    spoke = request.getfixturevalue(which)
    wrong = bytearray()
    for line in spoke.log.splitlines():
        fields = line.split()
        if len(fields) == 3:
            wrong += b" ".join((*fields[:2], fields[2][::-1])) + b"\n"
    ring = ring_of(bytes(wrong))
    plain = decrypt(spoke.records, ring)
    assert plain.data == (b"", b"")
    assert plain.decryptor.waits_for_keys
    assert plain.decryptor.keys_do_not_fit
    ring.add(spoke.log, "more")
    decrypt(spoke.records, ring).check(*spoke.said)


@pytest.mark.parametrize("label", ["RSA", "PMS_CLIENT_RANDOM"])
@pytest.mark.parametrize("version", [V.TLSv1, V.TLSv1_2])
@pytest.mark.parametrize("options", [0, WITHOUT_EXTENDED_MASTER_SECRET], ids=["ems", "plain"])
def test_pre_master_secrets(folder, label, version, options):
    """Of an RSA key exchange the server's key reveals them: what NSS once logged."""
    spoke = spoken(folder, version, "AES128-SHA", options)
    key = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    flight = b"".join(each.body for each in spoke.records if each.side == 0 and each.kind == 22)
    encrypted = flight[flight.index(b"\x10\0\1\2\1\0") + 6 :][:256]
    premaster = key.decrypt(encrypted, PKCS1v15())
    client_random = spoke.records[0].body[6:38]
    name = encrypted[:8] if label == "RSA" else client_random
    plain = decrypt(spoke.records, ring_of(f"{label} {name.hex()} {premaster.hex()}\n"))
    plain.check(*spoke.said)
    assert plain.decryptor.server.extended_master_secret is (options == 0)


def test_no_secret_shows_anywhere(talk13):
    ring = ring_of(talk13.log)
    plain = decrypt(talk13.records, ring)
    decryptor = plain.decryptor
    lines = [line.decode().split() for line in talk13.log.splitlines()]
    secrets = [line[2] for line in lines if line and line[0].isupper()]
    assert len(secrets) == 5
    known = ring.lookup(decryptor.client.random)
    directions = decryptor._directions
    shown = " ".join(
        f"{each!r} {each!s}"
        for each in (ring, known, decryptor, *directions, *(d.protection for d in directions))
    )
    for secret in secrets:
        assert secret[:8] not in shown
        assert repr(bytes.fromhex(secret))[2:10] not in shown
