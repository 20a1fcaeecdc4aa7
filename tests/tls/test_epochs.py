"""Which keys a record is under: RFC 8448's traces, and gaps that hold changes of keys."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from oracle.rfc8448 import FIFTY, traces
from oracle.tls_sessions import cut, decrypt, ring_of

from analyzer.options import Options
from analyzer.tls.decryption import Decryptor
from analyzer.tls.epochs import Direction, Epoch, Miss, Stage, open_older, open_tls13
from analyzer.tls.handshake import HandshakeReader, Transcript
from analyzer.tls.key_schedule import next_secret, traffic_keys
from analyzer.tls.protection import Tls13
from analyzer.tls.suites import suite_keys

TRACES = traces()


def direction(side):
    return Direction(side, HandshakeReader(1000, Transcript(1000)))


@pytest.mark.parametrize(
    ("section", "client", "server"),
    [(3, FIFTY, FIFTY), (4, b"ABCDEF" + FIFTY, FIFTY), (5, b"", b"")],
)
def test_traces_of_rfc8448(section, client, server):
    trace = TRACES[section]
    plain = decrypt(cut(trace.turns), ring_of(trace.log))
    plain.check(client, server)
    decryptor = plain.decryptor
    assert decryptor.alerts == [(0, 1, 0), (1, 1, 0)]
    assert decryptor.hello_retry is (section == 5)
    assert decryptor.early_data_accepted is (section == 4)
    assert decryptor.tickets == (section == 3)


def test_early_data_whose_keys_were_not_logged():
    """RFC 8448 4 without its first secret: only early data, and its end, stay unread."""
    trace = TRACES[4]
    log = "".join(line for line in trace.log.splitlines(keepends=True) if "EARLY" not in line)
    plain = decrypt(cut(trace.turns), ring_of(log))
    assert plain.data == (FIFTY, FIFTY)
    assert plain.unread == [1, 4]
    assert plain.decryptor.unread == [2, 0]
    assert plain.decryptor.failures == [0, 0]


@pytest.mark.parametrize("gone", [{1}, {4}, {4, 5}, {1, 4, 5}, {3}, {2, 3}])
def test_gaps_with_changes_of_keys(gone):
    """RFC 8448 4 without EndOfEarlyData, Finished, or all before application data."""
    records = cut(TRACES[4].turns)
    decryptor = Decryptor(ring_of(TRACES[4].log))
    data = [b"", b""]
    for number, (side, kind, version, body) in enumerate(records):
        if number in gone:
            decryptor.lost(side, 1)
            continue
        opened = decryptor.record(side, kind, version, body)
        assert opened is not None, number
        if opened[0] == 23:
            data[side] += opened[2]
    assert data == [(b"" if 1 in gone else b"ABCDEF") + FIFTY, FIFTY]
    assert decryptor.failures == [0, 0]


@pytest.mark.parametrize("updates", [0, 1, 2, 3])
def test_key_updates_in_a_gap(updates):
    """RFC 8446 7.2: up to two of them are looked for."""
    suite = suite_keys(0x1301)
    secret = bytes(range(32))
    one = direction(0)
    one.stage, one.secret, one.suite = Stage.APPLICATION, secret, suite
    one.protection = Tls13(secret, suite)
    for _ in range(updates):
        secret = next_secret(secret, suite.hash)
    record = sealed(secret, 5)
    assert open_tls13(one, record, None, (suite,), 10) is Miss.DAMAGED
    one.lose(0, 10)
    opened = open_tls13(one, record, None, (suite,), 10)
    if updates == 3:
        assert opened is Miss.DAMAGED
        return
    assert opened == (23, 0, b"hello")
    assert (one.generation, one.skipped, one.lost) == (updates, 5, False)


def sealed(secret, number):
    """A record of TLS 1.3, by the package cryptography."""
    key, iv = traffic_keys(secret, suite_keys(0x1301))
    nonce = (int.from_bytes(iv, "big") ^ number).to_bytes(12, "big")
    header = b"\x17\3\3" + (5 + 1 + 16).to_bytes(2, "big")
    return 23, 0x0303, AESGCM(key).encrypt(nonce, b"hello\x17", header)


def test_at_least_so_many_are_lost():
    suite, secret = suite_keys(0x1301), bytes(32)
    one = direction(0)
    one.stage, one.secret, one.suite = Stage.APPLICATION, secret, suite
    one.protection = Tls13(secret, suite)
    one.lose(5000, 6000)
    assert open_tls13(one, sealed(secret, 5007), None, (suite,), 10) == (23, 0, b"hello")
    assert one.skipped == 5007


def test_no_keys_at_all():
    record = 23, 0x0303, bytes(40)
    assert open_tls13(direction(0), record, None, (), 10) is Miss.NO_KEYS
    assert open_older(direction(0), record, [], 10) is Miss.NO_KEYS
    suite = suite_keys(0x1301)
    assert open_older(direction(0), record, [Tls13(bytes(32), suite)], 10) is Miss.NO_FIT


def test_representations_tell_no_secrets():
    suite, secret = suite_keys(0x1301), bytes(range(65, 97))
    one = direction(0)
    one.secret, one.protection = secret, Tls13(secret, suite)
    assert repr(one) == "<Direction 0, HANDSHAKE, <Tls13, record 0>>"
    assert repr(Epoch(Stage.EARLY, 0, secret, suite)) == "<Epoch EARLY 0>"


def test_limits_are_those_of_the_options():
    assert Options().max_skipped_records == 1024
