"""Decryption where records are lost, damaged or hostile."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import tls
from oracle.tls_sessions import (
    WITHOUT_ENCRYPT_THEN_MAC,
    Record,
    V,
    decrypt,
    lossy,
    ring_of,
    spoken,
)

from analyzer.options import Options
from analyzer.tls.decryption import Decryptor


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


def test_a_record_that_comes_again(folder):
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
