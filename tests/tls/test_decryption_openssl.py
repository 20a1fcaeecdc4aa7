"""Sessions of openssl's own tools, for what Python's ssl cannot do."""

from __future__ import annotations

import contextlib
import shutil

import pytest
from oracle.openssl_ends import Server, client
from oracle.tls_sessions import Talk, cut, decrypt, lossy, ring_of

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
LINE = b"what is said in the session\n"


ANSWER = LINE[-2::-1] + b"\n"
"""What `s_server -rev` says to it."""


def plain_of(relay, log):
    return decrypt(cut(list(relay.turns)), ring_of(log.read_bytes() if log.exists() else b""))


class Session:
    """A client at work: waits for what is read of the session."""

    def __init__(self, relay, type_, log):
        self.relay, self.type, self.log = relay, type_, log

    def until(self, met):
        self.relay.until(lambda: met(plain_of(self.relay, self.log)))

    def shake(self, tickets):
        self.until(
            lambda plain: (
                plain.decryptor.finished_seen == [True, True] and plain.decryptor.tickets >= tickets
            )
        )

    def say(self, line=LINE, answer=ANSWER):
        before = plain_of(self.relay, self.log).data[1]
        self.type(line)
        self.until(lambda plain: plain.data[1] == before + answer)


@contextlib.contextmanager
def session_of(server, log, *arguments):
    with client(server.port, log, *arguments) as (relay, type_):
        yield Session(relay, type_, log)


@pytest.mark.parametrize("key", [b"K\n", b"k\n"], ids=["both", "client"])
def test_key_updates(tmp_path, key):
    log = tmp_path / "log"
    with (
        Server(tmp_path, "-rev", "-tls1_3") as server,
        session_of(server, log) as session,
    ):
        session.shake(2)
        session.say()
        for number in (1, 2):
            session.type(key)
            session.until(lambda plain, number=number: plain.decryptor.key_updates[0] == number)
            session.say()
    plain = plain_of(session.relay, log)
    plain.check(3 * LINE, 3 * ANSWER)
    assert plain.decryptor.key_updates == ([2, 2] if key == b"K\n" else [2, 0])
    assert plain.decryptor.tickets == 2
    check_each_lost(plain, session)


def check_each_lost(plain, session):
    """Each record but hellos may be lost: all others are read."""
    spoke = Talk(session.relay.turns, session.log.read_bytes(), plain.data, None)
    _, whole = lossy(spoke, ())
    assert len(whole) == len(spoke.records)
    for gone, (kind, _, content) in whole.items():
        if kind == 22 and content[0] in (1, 2):
            continue
        decryptor, read = lossy(spoke, {gone})
        assert read == {number: each for number, each in whole.items() if number != gone}
        assert decryptor.failures == [0, 0]


def test_renegotiation(tmp_path):
    log = tmp_path / "log"
    old = ["-tls1_2", "-cipher", "AES128-GCM-SHA256"]
    with (
        Server(tmp_path, "-rev", "-client_renegotiation", *old) as server,
        session_of(server, log, *old) as session,
    ):
        session.shake(1)
        session.say()
        session.type(b"R\n")
        session.until(
            lambda plain: plain.decryptor.handshakes == 2 and plain.decryptor.tickets == 2
        )
        session.say()
    plain = plain_of(session.relay, log)
    plain.check(2 * LINE, 2 * ANSWER)
    check_each_lost(plain, session)


@pytest.mark.parametrize(
    "suite",
    [
        "TLS_AES_256_GCM_SHA384",
        "TLS_AES_128_GCM_SHA256",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
    ],
)
def test_padding_and_suites_of_tls13(tmp_path, suite):
    log = tmp_path / "log"
    chosen = ["-tls1_3", "-ciphersuites", suite]
    with (
        Server(tmp_path, "-rev", "-record_padding", "512", *chosen) as server,
        session_of(server, log, *chosen) as session,
    ):
        session.shake(2)
        session.say()
    plain_of(session.relay, log).check(LINE, ANSWER)
    sealed = [each for each in cut(session.relay.turns) if each.side == 1 and each.kind == 23]
    tag = 8 if "CCM_8" in suite else 16
    assert {(len(each.body) - tag) % 512 for each in sealed} == {0}


def test_hello_retry_request(tmp_path):
    log = tmp_path / "log"
    with (
        Server(tmp_path, "-rev", "-tls1_3", "-groups", "P-384") as server,
        session_of(server, log, "-groups", "X25519:P-384") as session,
    ):
        session.shake(2)
        session.say()
    plain = plain_of(session.relay, log)
    plain.check(LINE, ANSWER)
    assert plain.decryptor.hello_retry


@pytest.mark.parametrize("refused", [False, True], ids=["taken", "refused"])
def test_early_data(tmp_path, refused):
    """RFC 8446 4.2.10; a server that asks for another group refuses it, and never reads it."""
    log, kept, early = tmp_path / "log", tmp_path / "session", tmp_path / "early"
    early.write_bytes(b"early " * 100)
    with Server(tmp_path, "-tls1_3", "-early_data", "-max_early_data", "16384") as server:
        with session_of(server, log, "-sess_out", str(kept)) as session:
            session.shake(2)
        more = ["-sess_in", str(kept), "-early_data", str(early)]
        if not refused:
            with session_of(server, log, *more) as session:
                session.shake(1)
                session.type(LINE)
                server.say(b"answer\n")
                # A line that is typed before the last one is read is no command any more.
                session.until(lambda plain: plain.data == (early.read_bytes() + LINE, b"answer\n"))
    if refused:
        with (
            Server(tmp_path, "-tls1_3", "-groups", "P-384", "-rev") as server,
            session_of(server, log, *more, "-groups", "X25519:P-384") as session,
        ):
            session.shake(1)
            session.say()
    plain = plain_of(session.relay, log)
    if refused:
        plain.check(LINE, ANSWER)
    else:
        plain.check(early.read_bytes() + LINE, b"answer\n")
    assert plain.decryptor.early_data_accepted is not refused
    assert plain.decryptor.hello_retry is refused


@pytest.mark.parametrize(
    "suite",
    [
        "PSK-AES128-GCM-SHA256",
        "PSK-AES256-CCM8",
        "PSK-AES128-CBC-SHA256",
        "PSK-AES256-CBC-SHA384",
        "DHE-PSK-AES256-CCM",
        "DHE-PSK-CHACHA20-POLY1305",
        "ECDHE-PSK-AES256-CBC-SHA384",
        "ECDHE-PSK-AES128-CBC-SHA",
    ],
)
def test_pre_shared_keys_of_tls12(tmp_path, suite):
    log = tmp_path / "log"
    psk = ["-psk", "00112233", "-tls1_2", "-cipher", suite + ":@SECLEVEL=0"]
    with (
        Server(tmp_path, "-rev", "-nocert", *psk) as server,
        session_of(server, log, *psk) as session,
    ):
        session.shake(1)
        session.say()
    plain_of(session.relay, log).check(LINE, ANSWER)
