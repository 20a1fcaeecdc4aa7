"""Rows of the tables from what the stages found, led through http and websocket."""

import numpy as np
import pytest
from oracle import conversations
from oracle.stages import (
    BINARY,
    CLIENT,
    CLOSE,
    PING,
    SERVER,
    TEXT,
    at,
    batches_of,
    client,
    close,
    handshake,
    server,
)
from oracle.whole import Tables

from analyzer.analysis import Collector
from analyzer.columns import NULL
from analyzer.http.stage import HttpStage
from analyzer.options import DEFAULT, Options
from analyzer.tables import build
from analyzer.tables.build import TableBuilder
from analyzer.tables.schema import OUTCOMES
from analyzer.websocket.connection import Ping
from analyzer.websocket.stage import WebSocketStage

STEPS = [
    *handshake(),
    client(TEXT, b"hello"),
    server(BINARY, b"\x00\x01", fin=False),
    server(PING, b"p"),
    server(0, b"\x02"),
    client(CLOSE, close(1001, "bye")),
    server(CLOSE, close(1001)),
    (CLIENT, "fin"),
    (SERVER, "fin"),
]


def test_connect_is_not_failed_if_anything_follows_the_syn():
    batches = batches_of([STEPS, [(CLIENT, "ack")], [(CLIENT, "ack")]], syn_time=at(0))
    # Of the third connection nothing but the SYN was sent; the others' SYN-ACKs
    # escaped the capture.
    batches[-1].directions["stream_bytes"][0] = 500
    batches[-1].directions["pure_acks"][2] = 1
    http, stage, builder = HttpStage(DEFAULT), WebSocketStage(DEFAULT), TableBuilder(DEFAULT)
    for batch in batches:
        batch.connections["low1"] = 9
        batch.connections["port1"] = 80
        builder.push(stage.push(http.push(batch)))
    (rows,) = [rows for rows in builder.finish() if rows.table.name == "handshakes"]
    assert list(rows.values["tcp_stream"]) == [2]
    assert list(rows.values["outcome"]) == [OUTCOMES.index("syn-unanswered")]


def built(talks, places=(), options: Options = DEFAULT, **fields):
    http, stage, builder = HttpStage(options), WebSocketStage(options), TableBuilder(options)
    collector = Collector()
    for batch in batches_of(talks, places, **fields):
        for rows in builder.push(stage.push(http.push(batch))):
            collector.write(rows)
    for rows in builder.finish():
        collector.write(rows)
    return Tables(collector)


def test_connection_row():
    (row,) = built([STEPS])["connections"].to_dict("records")
    assert (row["path"], row["host"]) == ("/chat", "server.example.com")
    assert (row["client_frames"], row["server_frames"]) == (2, 4)
    assert (row["client_payload_bytes"], row["server_payload_bytes"]) == (5, 3)
    assert (row["close_kind"], row["closed_by"]) == ("clean", "client")
    assert (row["close_code"], row["close_reason"]) == (1001, "bye")
    assert row["opened_at"].value == at(2)
    assert row["closed_at"].value == at(10)
    assert row["duration_s"] == pytest.approx(0.008)


def test_frame_rows():
    frames = built([STEPS])["frames"]
    assert frames["opcode"].tolist() == ["text", "binary", "ping", "continuation", "close", "close"]
    assert frames["fin"].tolist() == [True, False, True, True, True, True]
    assert frames["message"].fillna(-1).tolist() == [0, 1, -1, 1, -1, -1]
    assert frames["masking_key"].fillna("").tolist() == ["37fa213d", "", "", "", "37fa213d", ""]
    assert frames["close_code"].fillna(0).tolist() == [0, 0, 0, 0, 1001, 1001]
    assert frames["packet_first"].tolist() == [3, 4, 5, 6, 7, 8]


def test_message_rows():
    text, binary = built([STEPS])["messages"].to_dict("records")
    header = conversations.HEADER_BYTES
    assert (text["direction"], text["type"], text["payload_preview"]) == ("client", "text", "hello")
    assert (text["transfer_bytes"], text["ws_header_bytes"]) == (5, 6)
    assert (text["packet_header_bytes"], text["wire_bytes"]) == (header, header + 11)
    assert text["overhead_ratio"] == pytest.approx((header + 6) / (header + 11))
    assert (binary["frames"], binary["payload_preview"]) == (2, "00 01 02")
    assert (binary["packet_first"], binary["packet_last"]) == (4, 6)
    assert binary["delivery_us"] == pytest.approx(2000)


def test_ping_without_answer_and_handshake():
    tables = built([STEPS])
    (ping,) = tables["pings"].to_dict("records")
    assert (ping["direction"], ping["ping_frame"], ping["payload_bytes"]) == ("server", 2, 1)
    assert tables["pings"]["rtt_us"].isna().all()
    (row,) = tables["handshakes"].to_dict("records")
    assert (row["outcome"], row["status"], row["connection"]) == ("accepted", 101, 0)
    assert row["upgrade_us"] == pytest.approx(1000)
    assert row["first_message_us"] == pytest.approx(1000)


def test_payload_only_where_it_is_asked_for():
    messages = built([STEPS], options=Options(payload="full"))["messages"]
    assert messages["payload"].tolist() == [b"hello", b"\x00\x01\x02"]
    none = built([STEPS], options=Options(payload="none"))["messages"]
    assert none["payload"].isna().all()
    assert none["payload_preview"].isna().all()


@pytest.mark.parametrize("place", range(1, len(STEPS)))
def test_findings_and_rows_do_not_depend_on_the_cut(place):
    whole, cut = built([STEPS, STEPS]), built([STEPS, STEPS], [place, place + 3])
    for name, table in whole.items():
        assert table.equals(cut[name]), name


def test_a_ping_without_a_time_has_no_round_trip():
    """Simple packet blocks bear no time stamp."""
    rows = build._ping_rows(
        [Ping(0, 0, 1, 2, 4, NULL, 500), Ping(0, 0, 3, 4, 4, 500, NULL), Ping(0, 1, 5, 6, 4, 7, 9)]
    )
    assert list(rows.values["rtt_us"]) == [NULL, NULL, 2]


def test_a_duration_without_one_of_its_times_is_null():
    begin = np.array([NULL, 5, NULL, 5])
    end = np.array([5, NULL, NULL, 7])
    assert build._between(begin, end).tolist() == [NULL, NULL, NULL, 2]
