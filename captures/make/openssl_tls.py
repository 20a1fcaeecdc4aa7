"""Captures of TLS's rare cases: WebSocket over OpenSSL's libssl, both ends scripted.

Suites, extensions left out, resumption, early data, key updates, renegotiation, padding and
sizes of records. Each capture has its key log; what libssl says of each session is logged as
events `tls`.
"""

from __future__ import annotations

import random
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libssl
import recording
from asked import asked
from ends import Log, prose
from libssl import TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3
from tls_ends import End, Pair, ask, certificate, talk


@dataclass
class Stage:
    """What a scenario has: both ends' log, the certificates and the key log."""

    log: Log
    pair: Pair
    certificates: tuple[Path, ...]
    keys: list[bytes] = field(default_factory=list)

    def server(self, **settings: Any) -> libssl.Context:
        return libssl.Context(certificates=self.certificates, **settings)

    def client(self, **settings: Any) -> libssl.Context:
        return libssl.Context(key_log=self.keys.append, **settings)


SCENARIOS: dict[str, Callable[[Stage], None]] = {}


def scenario(name: str) -> Callable[[Callable[[Stage], None]], Callable[[Stage], None]]:
    """Add a scenario; its docstring describes the capture."""

    def add(run: Callable[[Stage], None]) -> Callable[[Stage], None]:
        SCENARIOS[name] = run
        return run

    return add


# --- suites


def each_cipher(stage: Stage, ciphers: str, *, options: int = 0, only: str = "") -> None:
    for cipher in ciphers.split():
        both = {"versions": (TLS_1_2, TLS_1_2), "ciphers": cipher + only, "options": options}
        stage.pair.connect(stage.server(**both), stage.client(**both))


@scenario("tls13-suites")
def tls13_suites(stage: Stage) -> None:
    """wss over each suite of TLS 1.3: AES-128-GCM, AES-256-GCM, ChaCha20, CCM and CCM_8"""
    for suite in (
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
    ):
        both = {"versions": (TLS_1_3, TLS_1_3), "suites": suite, "ciphers": "ALL:@SECLEVEL=0"}
        stage.pair.connect(stage.server(**both), stage.client(**both))


@scenario("tls12-aead")
def tls12_aead(stage: Stage) -> None:
    """wss over TLS 1.2 with ECDHE (RSA and ECDSA) and AES-GCM, ChaCha20, AES-CCM and CCM_8"""
    ciphers = (
        "ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305"
        " ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384"
        " ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES128-CCM ECDHE-ECDSA-AES256-CCM"
        " ECDHE-ECDSA-AES128-CCM8 ECDHE-ECDSA-AES256-CCM8"
    )
    each_cipher(stage, ciphers, only=":@SECLEVEL=0")


CBC = (
    "ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES256-SHA384"
    " ECDHE-ECDSA-AES128-SHA ECDHE-ECDSA-AES128-SHA256 ECDHE-ECDSA-AES256-SHA384"
)


@scenario("tls12-cbc")
def tls12_cbc(stage: Stage) -> None:
    """wss over TLS 1.2 with AES-CBC and HMAC of SHA-1, 256 and 384; encrypt-then-MAC"""
    each_cipher(stage, CBC)


@scenario("tls12-cbc-mac-then-encrypt")
def tls12_mac_then_encrypt(stage: Stage) -> None:
    """as tls12-cbc, without encrypt-then-MAC (RFC 7366): the MAC is inside"""
    each_cipher(stage, CBC, options=libssl.NO_ENCRYPT_THEN_MAC)


PLAIN_RSA = "AES128-GCM-SHA256 AES128-SHA AES256-SHA256 AES256-CCM DHE-RSA-AES128-GCM-SHA256"


@scenario("tls12-rsa")
def tls12_rsa(stage: Stage) -> None:
    """wss over TLS 1.2 with RSA key exchange (and one DHE); the key log has CLIENT_RANDOM"""
    each_cipher(stage, PLAIN_RSA)


@scenario("tls12-rsa-premaster")
def tls12_rsa_premaster(stage: Stage) -> None:
    """RSA key exchange, with and without extended master secret; the key log has RSA lines only"""
    each_cipher(stage, "AES128-GCM-SHA256 AES128-SHA")
    each_cipher(stage, "AES256-GCM-SHA384", options=libssl.NO_EXTENDED_MASTER_SECRET)
    stage.keys[:] = [line for line in stage.keys if line.startswith(b"RSA ")]


@scenario("tls12-no-extended-master-secret")
def tls12_no_extended_master_secret(stage: Stage) -> None:
    """wss over TLS 1.2 without extended master secret (RFC 7627)"""
    ciphers = "ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA AES128-GCM-SHA256"
    each_cipher(stage, ciphers, options=libssl.NO_EXTENDED_MASTER_SECRET)


@scenario("tls10-tls11")
def old_versions(stage: Stage) -> None:
    """wss over TLS 1.0 and TLS 1.1 (deprecated by RFC 8996), AES-CBC with SHA-1"""
    for version, cipher in (
        (TLS_1_0, "ECDHE-RSA-AES128-SHA"),
        (TLS_1_1, "ECDHE-RSA-AES256-SHA"),
        (TLS_1_1, "AES128-SHA"),
    ):
        both = {"versions": (version, version), "ciphers": f"{cipher}:@SECLEVEL=0"}
        stage.pair.connect(stage.server(**both), stage.client(**both))


# --- resumption


@scenario("tls12-resumed")
def tls12_resumed(stage: Stage) -> None:
    """TLS 1.2, each session resumed twice: by session id, and by ticket"""
    for options in (libssl.NO_TICKET, 0):
        both = {"versions": (TLS_1_2, TLS_1_2), "options": options}
        server, client = stage.server(**both), stage.client(**both)
        ticket = None
        for _ in range(3):
            ticket = stage.pair.connect(server, client, ticket=ticket)


@scenario("tls13-resumed")
def tls13_resumed(stage: Stage) -> None:
    """TLS 1.3 resumed by ticket, with ECDHE (psk_dhe_ke) and without (psk_ke)"""
    both = {"versions": (TLS_1_3, TLS_1_3), "options": libssl.ALLOW_NO_DHE_KEX}
    server = stage.server(groups="X25519", **both)
    ticket = None
    # psk_ke is chosen only where there is no group in common.
    for groups in ("X25519", "X25519", "X25519", "P-384", "P-384"):
        client = stage.client(groups=groups, **both)
        ticket = stage.pair.connect(server, client, ticket=ticket)


@scenario("tls13-early-data")
def tls13_early_data(stage: Stage) -> None:
    """0-RTT: the upgrade request is early data; accepted twice, then rejected"""
    both = {"versions": (TLS_1_3, TLS_1_3), "suites": "TLS_AES_128_GCM_SHA256"}
    server, client = stage.server(**both), stage.client(**both)
    server.early_data(16384)
    ticket = stage.pair.connect(server, client)
    for _ in range(2):
        ticket = stage.pair.connect(server, client, ticket=ticket, early=True)
    other = stage.server(**both)  # It cannot read the ticket.
    stage.pair.connect(other, client, ticket=ticket, early=True)


@scenario("tls13-hello-retry")
def tls13_hello_retry(stage: Stage) -> None:
    """HelloRetryRequest: the client's key share is of X25519, the server wants P-384 or P-521"""
    for suite, group in (("TLS_AES_128_GCM_SHA256", "P-384"), ("TLS_AES_256_GCM_SHA384", "P-521")):
        both = {"versions": (TLS_1_3, TLS_1_3), "suites": suite}
        server = stage.server(groups=group, **both)
        client = stage.client(groups=f"X25519:{group}", **both)
        ticket = stage.pair.connect(server, client)
        stage.pair.connect(server, client, ticket=ticket)


# --- within a session


def update_keys(end: End) -> None:
    end.session.update_keys(both=False)


def update_all_keys(end: End) -> None:
    end.session.update_keys(both=True)


@scenario("tls13-key-update")
def tls13_key_update(stage: Stage) -> None:
    """KeyUpdate amid messages: by the client, by the server, asked of both, twice in a row"""

    def steps(end: End, randomness: random.Random) -> None:
        talk(end, randomness)
        update_keys(end)
        ask(end, "after the client's update")
        ask(end, "update server")
        update_all_keys(end)
        ask(end, "after an update of both, asked by the client")
        ask(end, "update all")
        ask(end, "after an update of both, asked by the server")
        update_keys(end)
        update_keys(end)
        ask(end, "after two in a row")
        talk(end, randomness)

    commands = {"update server": update_keys, "update all": update_all_keys}
    for suite in ("TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"):
        both = {"versions": (TLS_1_3, TLS_1_3), "suites": suite}
        stage.pair.connect(stage.server(**both), stage.client(**both), [steps], commands=commands)


@scenario("tls12-renegotiation")
def tls12_renegotiation(stage: Stage) -> None:
    """TLS 1.2 renegotiated amid messages: by the client, in short form, and by the server"""

    def steps(end: End, randomness: random.Random) -> None:
        talk(end, randomness)
        end.session.renegotiate()
        ask(end, "after a full handshake by the client")
        end.session.renegotiate(abbreviated=True)
        ask(end, "after a resumed handshake by the client")
        ask(end, "renegotiate")
        ask(end, "after a handshake that the server asked for")
        talk(end, randomness)

    commands = {"renegotiate": lambda end: end.session.renegotiate()}
    for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256"):
        both = {"versions": (TLS_1_2, TLS_1_2), "ciphers": cipher}
        server = stage.server(options=libssl.ALLOW_CLIENT_RENEGOTIATION, **both)
        stage.pair.connect(server, stage.client(**both), [steps], commands=commands)


@scenario("tls13-padding")
def tls13_padding(stage: Stage) -> None:
    """records of TLS 1.3 padded to multiples of 512 (client) and 1024 bytes (server)"""
    both = {"versions": (TLS_1_3, TLS_1_3), "suites": "TLS_AES_128_GCM_SHA256"}
    server, client = stage.server(**both), stage.client(**both)
    client.padded_to(512)
    server.padded_to(1024)
    stage.pair.connect(server, client)


@scenario("tls13-records")
def tls13_records(stage: Stage) -> None:
    """30 messages in one record, messages over records of 512 bytes and of one byte; no CCS"""

    def steps(end: End, randomness: random.Random) -> None:
        for number in range(30):
            end.put(f"message {number} of one record")
        end.flush()
        for _ in range(30):
            end.receive()
        ask(end, randomness.randbytes(20_000))
        end.send_bytes_apart("records of one byte")
        end.receive()
        end.send_bytes_apart(randomness.randbytes(130))
        end.receive()

    def bytes_apart(end: End, randomness: random.Random) -> None:
        ask(end, prose(randomness, 5_000))

    plain = {"versions": (TLS_1_3, TLS_1_3), "suites": "TLS_AES_256_GCM_SHA384"}
    plain["unset"] = libssl.ENABLE_MIDDLEBOX_COMPAT
    server, client = stage.server(**plain), stage.client(**plain)
    stage.pair.connect(server, client, [steps])
    for context in (server, client):
        context.records_of(512)
    stage.pair.connect(server, client, [bytes_apart, steps])


@scenario("tls13-chat")
def tls13_chat(stage: Stage) -> None:
    """150 records of TLS 1.3 on one connection, for copies with loss made by make/faults.py"""

    def steps(end: End, randomness: random.Random) -> None:
        for _ in range(70):
            ask(end, prose(randomness, randomness.randrange(20, 900)))

    both = {"versions": (TLS_1_3, TLS_1_3), "suites": "TLS_AES_128_GCM_SHA256"}
    stage.pair.connect(stage.server(**both), stage.client(**both), [steps])


# --- ends that are none


def cut_off(end: End) -> None:
    """A record of 100 bytes begins, and the connection ends."""
    end.log.add(end.port, "client", "closing", how="fin")
    end.session.cut(bytes.fromhex("1703030064") + bytes(range(40)))


@scenario("tls-failed")
def tls_failed(stage: Stage) -> None:
    """handshakes of TLS that fail: alerts of either side, in clear and encrypted, a server that
    hangs up; and a WebSocket that ends amid a record, without close_notify"""

    def steps(end: End, randomness: random.Random) -> None:
        talk(end, randomness)
        cut_off(end)

    old = {"versions": (TLS_1_2, TLS_1_2)}
    new = {"versions": (TLS_1_3, TLS_1_3)}
    fail = stage.pair.fail
    rsa = stage.client(ciphers="AES128-SHA", **old)
    ecdhe = stage.server(ciphers="ECDHE-RSA-AES128-SHA", **old)
    fail(ecdhe, rsa, "no cipher in common", alert=40, sent_by="server")
    fail(stage.server(**old), stage.client(**new), "versions", alert=70, sent_by="server")
    other = stage.client(alpn=b"mqtt")
    fail(stage.server(), other, "no protocol in common", alert=120, sent_by="server")
    for both in (old, new):
        client = stage.client(**both)
        client.verify()
        fail(stage.server(**both), client, "unknown authority", alert=48, sent_by="client")
    fail(None, stage.client(), "the server hung up", alert=50, sent_by="client")
    stage.pair.connect(stage.server(**new), stage.client(**new), [steps])


NOTES = {
    "tls13-early-data": "it shows the early data that the server rejected and never read as a"
    " request as well: 5 requests for 4 WebSockets",
}


def failures(events: list[recording.Event]) -> dict[str, Any]:
    """The handshakes of TLS that failed, by client port."""
    rows = {
        str(event["port"]): {key: event[key] for key in ("why", "alert", "sent_by")}
        for event in events
        if event["event"] == "tls-failed"
    }
    return {"tls_failures": {"source": "application log", "by_client_port": rows}} if rows else {}


def main() -> None:
    chosen = asked(__doc__, SCENARIOS)
    recording.isolate()
    programs = [
        *recording.python_versions("websockets"),
        " ".join(ssl.OPENSSL_VERSION.split()[:2]),
    ]
    with tempfile.TemporaryDirectory() as folder:
        certificates = tuple(certificate(Path(folder), kind) for kind in ("rsa", "ecdsa"))
        for name in chosen:
            run = SCENARIOS[name]
            path, keys = Path(folder) / f"{name}.pcap", Path(folder) / f"{name}.keys"
            log = Log()
            stage = Stage(log, Pair(log), certificates)
            with recording.capture(path):
                run(stage)
            stage.pair.listener.close()
            keys.write_bytes(b"".join(line + b"\n" for line in stage.keys))
            recording.publish(
                path,
                path.name,
                description=" ".join(str(run.__doc__).split()),
                generator="openssl_tls.py",
                programs=programs,
                events=stage.log.events,
                more=failures(stage.log.events),
                tshark_notes=NOTES.get(name, ""),
                keys=keys,
            )


if __name__ == "__main__":
    main()
