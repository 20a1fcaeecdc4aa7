"""Decryption against real ends: every version and cipher, loss anywhere, keys in any state."""

from __future__ import annotations

import random
import ssl
import subprocess
import warnings
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import tls
from oracle.tls_ends import contexts
from oracle.tls_sessions import Record, decrypt, ring_of, talk

from analyzer.options import Options
from analyzer.tls.decryption import Decryptor
from analyzer.tls.keylog import KeyRing

V = ssl.TLSVersion
WITHOUT_ENCRYPT_THEN_MAC = 1 << 19
WITHOUT_EXTENDED_MASTER_SECRET = 1 << 0
"""SSL_OP_NO_ENCRYPT_THEN_MAC, SSL_OP_NO_EXTENDED_MASTER_SECRET of OpenSSL 3."""

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


def parameters(folder):
    """A group for finite-field Diffie-Hellman (RFC 7919), as a file."""
    path = folder / "group.pem"
    if not path.exists():
        command = ["openssl", "genpkey", "-genparam", "-algorithm", "DH"]
        command += ["-pkeyopt", "group:ffdhe2048", "-out", str(path)]
        subprocess.run(command, check=True, capture_output=True)
    return str(path)


def ends(folder, version=V.TLSv1_3, ciphers="", options=0):
    """Contexts of both ends, for one version."""
    pair = contexts(folder)
    if "DH-" in ciphers or "DHE-" in ciphers:
        pair[1].load_dh_params(parameters(folder))
    for each in pair:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old versions are deprecated
            each.minimum_version = each.maximum_version = version
            each.options |= options
        if version != V.TLSv1_3:
            each.set_ciphers((ciphers or "ALL") + ":@SECLEVEL=0")
    return pair


def spoken(folder, version=V.TLSv1_3, ciphers="", options=0, **more):
    return talk(*ends(folder, version, ciphers, options), folder, **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def talk13(folder):
    return spoken(folder)


@pytest.fixture(scope="module")
def talk12(folder):
    return spoken(folder, V.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256")


@pytest.fixture(scope="module")
def talk_cbc(folder):
    return spoken(folder, V.TLSv1_2, "AES128-SHA256", WITHOUT_ENCRYPT_THEN_MAC)


@pytest.fixture(scope="module")
def talk10(folder):
    return spoken(folder, V.TLSv1, "AES128-SHA")


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
        pair = ends(folder, version)
        for each in pair:
            each.set_alpn_protocols(["h2", "http/1.1"])
        spoke = talk(*pair, folder)
        assert decrypt(spoke.records, ring_of(spoke.log)).decryptor.alpn == "h2"


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_resumption_by_ticket(folder, version):
    pair = ends(folder, version)
    first = talk(*pair, folder)
    second = talk(*pair, folder, session=first.session)
    plain = decrypt(second.records, ring_of(second.log))
    plain.check(*second.said)
    assert plain.decryptor.client.pre_shared_key or plain.decryptor.client.ticket


def test_resumption_by_id(folder):
    pair = ends(folder, V.TLSv1_2, options=ssl.OP_NO_TICKET)
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


# --- loss


def lossy(spoke, gone, *, tell=True, options=None):
    """Decrypt without some records, by number; return the Decryptor and the numbers read."""
    decryptor = Decryptor(ring_of(spoke.log), options or Options())
    read = {}
    lost = [0, 0]
    for number, (side, kind, version, body) in enumerate(spoke.records):
        if number in gone:
            lost[side] += 1
            continue
        if lost[side] and tell:
            decryptor.lost(side, at_least=1)
            lost[side] = 0
        opened = decryptor.record(side, kind, version, body)
        if opened is not None:
            read[number] = opened
    return decryptor, read


@pytest.mark.parametrize("which", ["talk12", "talk13"])
def test_each_record_lost(which, request):
    """All others are read, but those that need a hello that is gone."""
    spoke = request.getfixturevalue(which)
    _, whole = lossy(spoke, ())
    assert len(whole) == len(spoke.records)
    for gone in range(2, len(spoke.records)):
        decryptor, read = lossy(spoke, {gone})
        assert decryptor.failures == [0, 0], gone
        assert read == {number: opened for number, opened in whole.items() if number != gone}
        side = spoke.records[gone].side
        later = [n for n in range(gone + 1, len(whole)) if spoke.records[n].side == side]
        if whole[gone][0] == 23 and later:
            assert sum(decryptor.skipped) == 1


def test_the_server_hello_lost(talk13, talk12):
    """TLS 1.3: the suite is one of those offered. Before: the server's random is gone."""
    _, whole = lossy(talk13, ())
    decryptor, read = lossy(talk13, {1})
    assert read == {number: opened for number, opened in whole.items() if number != 1}
    decryptor, _ = lossy(talk12, {1})
    assert decryptor.cannot == "its ServerHello was not captured"
    decryptor, _ = lossy(talk13, {0})
    assert decryptor.cannot is None or decryptor.cannot == "its ClientHello was not captured"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_records_lost(talk13, talk12, talk_cbc, data):
    spoke = data.draw(st.sampled_from([talk13, talk12, talk_cbc]))
    _, whole = lossy(spoke, ())
    gone = data.draw(st.sets(st.integers(2, len(whole) - 1)))
    decryptor, read = lossy(spoke, gone)
    assert decryptor.failures == [0, 0]
    assert {number: each for number, each in whole.items() if number not in gone} == read


def test_a_long_gap_and_one_too_long(folder):
    spoke = spoken(folder, lines=((b"first",) + (b"m",) * 60, (b"x",)))
    sent = [n for n, each in enumerate(spoke.records) if each.side == 0 and each.kind == 23][2:]
    gone = set(sent[:50])
    decryptor, read = lossy(spoke, gone)
    assert decryptor.skipped == (50, 0)
    assert read.keys() >= set(sent[50:])
    decryptor, read = lossy(spoke, gone, options=Options(max_skipped_records=40))
    assert not read.keys() & set(sent[50:])
    assert decryptor.failures[0] == len(sent[50:])


@pytest.mark.parametrize("options", [0, WITHOUT_ENCRYPT_THEN_MAC], ids=["etm", "mte"])
def test_loss_in_tls10(folder, options):
    """The first record behind a gap lacks its vector, which is in the one before."""
    spoke = spoken(folder, V.TLSv1, "AES128-SHA", options)
    _, whole = lossy(spoke, ())
    side = [number for number, each in enumerate(spoke.records) if each.side == 0]
    data = [number for number in side if spoke.records[number].kind == 23]
    for gone, behind in pairwise(data[:-1]):
        decryptor, read = lossy(spoke, {gone})
        kept = {n: opened for n, opened in whole.items() if n not in (gone, behind)}
        assert read == kept
        assert (decryptor.failures, decryptor.skipped) == ([1, 0], (2, 0))


def test_renegotiation_whose_key_change_is_lost(tmp_path, folder):
    """Keys of the handshake before are not tried again at their beginning."""
    spoke = spoken(folder, V.TLSv1_2, "AES128-GCM-SHA256")
    decryptor, _ = lossy(spoke, ())
    repeated = next(each for each in spoke.records if each.side == 0 and each.kind == 23)
    decryptor.lost(0)
    assert decryptor.record(*repeated) is None
    assert decryptor.failures == [1, 0]


@pytest.mark.parametrize("at_most", [2, 3, None])
def test_how_many_may_be_lost(folder, at_most):
    spoke = spoken(folder, lines=((b"m",) * 8, (b"x",)))
    data = [n for n, each in enumerate(spoke.records) if each.side == 0 and each.kind == 23]
    decryptor = Decryptor(ring_of(spoke.log))
    for number, record in enumerate(spoke.records):
        if number in data[2:5]:
            continue
        if number == data[5]:
            decryptor.lost(0, 1, at_most)
            assert (decryptor.record(*record) is None) is (at_most == 2)
            break
        decryptor.record(*record)


def test_damage_is_passed_over(talk13):
    """A record of which bytes are wrong costs itself only, told or not."""
    records = list(talk13.records)
    number = next(n for n, each in enumerate(records) if each.side == 0 and len(each.body) > 9000)
    side, kind, version, body = records[number]
    records[number] = Record(side, kind, version, body[:-1] + bytes([body[-1] ^ 1]))
    plain = decrypt(records, ring_of(talk13.log))
    assert plain.unread == [number]
    assert plain.decryptor.failures == [1, 0]


def test_records_that_fit_nowhere_cost_little(talk13):
    """Numbers are tried so often only, whatever comes."""
    decryptor, _ = lossy(talk13, (), options=Options(max_skipped_records=100))
    for _ in range(1000):
        decryptor.lost(0)
        assert decryptor.record(0, 23, 0x0303, bytes(40)) is None
    direction = decryptor._directions[0]
    assert direction.tried < 16 * 100 + 64 * direction.protection.sequence + 3300


# --- hostile input


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_sessions(talk13, talk12, data):
    """No exception; what is read is what was sent, or was in the clear."""
    spoke = data.draw(st.sampled_from([talk13, talk12]))
    records = [list(each) for each in spoke.records]
    _, whole = lossy(spoke, ())
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.integers(0, len(records) - 1))
        what = data.draw(st.sampled_from(["byte", "cut", "kind", "side", "version", "again"]))
        record = records[number]
        if what == "byte" and record[3]:
            place = data.draw(st.integers(0, len(record[3]) - 1))
            record[3] = (
                record[3][:place] + bytes([record[3][place] ^ 0x41]) + record[3][place + 1 :]
            )
        elif what == "cut":
            record[3] = record[3][: data.draw(st.integers(0, len(record[3])))]
        elif what == "kind":
            record[1] = data.draw(st.integers(20, 24))
        elif what == "side":
            record[0] = 1 - record[0]
        elif what == "version":
            record[2] = data.draw(st.integers(0x0300, 0x0304))
        else:
            records.insert(number, list(record))
    decryptor = Decryptor(ring_of(spoke.log))
    contents = {opened[2] for opened in whole.values()}
    for side, kind, version, body in records:
        opened = decryptor.record(side, kind, version, body)
        assert opened is None or opened[2] in contents or opened == (kind, 0, body)
    assert decryptor.held <= 2 * (Options().max_hello_bytes + 16_640)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.integers(20, 24),
            st.sampled_from([0x0301, 0x0303]),
            st.one_of(
                st.binary(max_size=200),
                st.sampled_from(
                    [
                        tls.client_hello(),
                        tls.client_hello(tls.extension(42, b""), tls.versions(0x0304)),
                        tls.server_hello(),
                        tls.server_hello(tls.CHOSE_1_3, tls.SHARE, suite=0x1301),
                        tls.server_hello(tls.CHOSE_1_3, random=tls.RETRY_RANDOM, suite=0x1302),
                        tls.message(20, bytes(12)),
                        tls.message(24, b"\1"),
                        tls.message(16, bytes(66)),
                        b"\1",
                    ]
                ),
            ),
            st.booleans(),
        )
    )
)
def test_noise(records):
    random_ = tls.CLIENT_RANDOM.hex()
    log = f"CLIENT_RANDOM {random_} {'ab' * 48}\n"
    log += f"SERVER_HANDSHAKE_TRAFFIC_SECRET {random_} {'ab' * 32}\n"
    decryptor = Decryptor(ring_of(log))
    for side, kind, version, body, is_lost in records:
        if is_lost:
            decryptor.lost(side, len(body))
        opened = decryptor.record(side, kind, version, body)
        assert opened in (None, (kind, 0, body))
        assert decryptor.record(side, kind, version, memoryview(body)) in (None, (kind, 0, body))


@pytest.mark.parametrize("which", ["talk12", "talk13", "talk_cbc", "talk10"])
def test_bodies_may_be_views(which, request):
    spoke = request.getfixturevalue(which)
    records = [each._replace(body=memoryview(each.body)) for each in spoke.records]
    decrypt(records, ring_of(spoke.log)).check(*spoke.said)


def test_a_message_on_both_sides_of_a_key_change():
    decryptor = Decryptor(ring_of(""))
    decryptor.record(0, 22, 0x0301, tls.client_hello())
    hello = tls.server_hello(tls.CHOSE_1_3, tls.SHARE, suite=0x1301)
    decryptor.record(1, 22, 0x0303, hello + tls.message(8, b"\0\0")[:3])
    assert decryptor.faults == [(1, "a handshake message on both sides of a key change")]
