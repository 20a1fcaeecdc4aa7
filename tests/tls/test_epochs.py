"""Which keys a record is under: RFC 8448's traces, and gaps that hold changes of keys."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from oracle.rfc8448 import FIFTY, traces
from oracle.tls_sessions import answered_first, cut, decrypt, ring_of

from analyzer.options import Options
from analyzer.tls.decryption import Decryptor
from analyzer.tls.epochs import Direction, Early, Epoch, Miss, Stage, open_older, open_tls13
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
    """RFC 8448 4 without EndOfEarlyData, Finished, or all before application data.

    Without the server's EncryptedExtensions (3) nobody knows whether early data (1) counts.
    """
    decryptor = Decryptor(ring_of(TRACES[4].log))
    data = [b"", b""]
    unread = {1, 4} if 3 in gone else set()
    records = answered_first(cut(TRACES[4].turns), decryptor)
    for number, (side, kind, version, body) in records:
        if number in gone:
            decryptor.lost(side, 1)
            continue
        opened = decryptor.record(side, kind, version, body)
        assert (opened is None) is (number in unread), number
        if opened is not None and opened[0] == 23:
            data[side] += opened[2]
    assert data == [(b"" if gone & {1, 3} else b"ABCDEF") + FIFTY, FIFTY]
    assert decryptor.failures == [0, 0]


def test_early_data_waits_for_the_answer():
    """RFC 8446 4.2.10: it counts if EncryptedExtensions say so; till then nothing is changed."""
    records = cut(TRACES[4].turns)
    decryptor = Decryptor(ring_of(TRACES[4].log))
    opened = [decryptor.record(*each) for each in (records[0], records[1], records[1])]
    assert opened[1:] == [None, None]
    assert decryptor.asks
    assert decryptor.waits(0)
    assert [decryptor.record(*each) is None for each in records[2:4]] == [False, False]
    assert not decryptor.asks
    assert decryptor.record(*records[1])[2] == b"ABCDEF"
    assert not decryptor.waits(0)


@pytest.mark.parametrize("has_keys", [True, False], ids=["with its keys", "without its keys"])
def test_refused_early_data_is_ignored(has_keys):
    """RFC 8446 4.2.10: as the server does, whether its keys were logged or not."""
    log = TRACES[4].log
    if not has_keys:
        log = "".join(line for line in log.splitlines(keepends=True) if "EARLY" not in line)
    records = cut(TRACES[4].turns)
    decryptor = Decryptor(ring_of(log))
    decryptor.record(*records[0])
    assert decryptor.record(*records[1]) is None
    decryptor._directions[0].settle(Early.REFUSED)
    opened = [decryptor.record(*records[n]) for n in (1, 1, 2, 3, 5, 6)]
    assert opened[0] == opened[1] == (22, 0, b"")
    assert opened[-1][2] == FIFTY
    assert (decryptor.unread, decryptor.failures) == ([0, 0], [0, 0])
    # What comes behind the handshake is no early data any more.
    assert decryptor.record(*records[1]) is None
    assert decryptor.failures == [1, 0]


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
