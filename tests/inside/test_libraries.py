"""What libraries read in the recorded messages is what the decoders read.

python-socketio (packet.Packet) and ocpp (messages.unpack) read one message at a time.
"""

from __future__ import annotations

import pandas as pd
import pytest
from ocpp.messages import Call, CallResult, unpack
from socketio.packet import Packet, packet_names
from test_captures import CAPTURES, MANIFEST, logged

import analyzer


def speaking(inner: str) -> list[str]:
    """Captures whose programs log a protocol, in clear or with keys beside them."""
    return [
        name
        for name in sorted(MANIFEST)
        if {"log", "log_decrypted"} & set(MANIFEST[name]["expected"])
        and any(event.get("inner") == inner and event["port"] for event in logged(name))
    ]


def messages(name: str, inner: str) -> pd.DataFrame:
    keys = (CAPTURES / name).with_suffix(".keys")
    keys = [str(keys)] if keys.exists() else ()
    rows = analyzer.analyze(CAPTURES / name, payload="full", keys=keys).messages
    return rows[(rows["inner"] == inner) & (rows["inner_items"] > 0)]


def or_none(value):
    return None if pd.isna(value) else value


def text(value) -> str | None:
    return None if value is None else str(value)


KINDS = {"BINARY_EVENT": "event", "BINARY_ACK": "ack"}


@pytest.mark.parametrize("name", speaking("socket.io"))
def test_socket_io(name):
    compared = 0
    for row in messages(name, "socket.io").itertuples():
        payload = row.payload
        if not payload.startswith(b"4"):
            continue  # Engine.IO's own
        packet = Packet(encoded_packet=payload[1:].decode())
        word = packet_names[packet.packet_type]
        kind = KINDS.get(word, word.lower())
        assert row.kind == kind
        assert row.topic == (packet.namespace or "/")
        if kind == "event":
            assert (row.name, or_none(row.id)) == (packet.data[0], text(packet.id))
        if kind == "ack":
            assert row.reply_to == text(packet.id)
        compared += 1
    assert compared > 10


@pytest.mark.parametrize("name", speaking("ocpp"))
def test_ocpp(name):
    rows = messages(name, "ocpp")
    asked = {}
    for row in rows.itertuples():
        message = unpack(row.payload.decode())
        number = message.unique_id
        if isinstance(message, Call):
            asked[number] = message.action
            assert row.id == number
        else:
            assert row.reply_to == number
        if asked[number] == "Heartbeat":
            assert row.kind == "heartbeat"
            continue
        assert row.name == asked[number]
        word = "CALLRESULT" if isinstance(message, CallResult) else "CALLERROR"
        assert row.kind == ("CALL" if isinstance(message, Call) else word)
    assert len(rows) > 10
