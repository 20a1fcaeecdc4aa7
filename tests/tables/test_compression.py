"""The table `compression`: sums by hand, and the same whatever the batches."""

import random
import zlib
from pathlib import Path

import numpy as np
import pytest
from oracle.stages import (
    CLIENT,
    REQUEST,
    RESPONSE,
    SERVER,
    TEXT,
    batches_of,
    client,
    handshake,
    server,
)
from oracle.websocket import frame

import analyzer
from analyzer.analysis import Collector, to_frame
from analyzer.http.stage import HttpStage
from analyzer.options import DEFAULT
from analyzer.tables.build import TableBuilder
from analyzer.tables.schema import COMPRESSION, MESSAGES
from analyzer.websocket.stage import WebSocketStage

CAPTURES = Path(__file__).parents[2] / "captures"
RSV1 = 4
DEFLATE = "permessage-deflate; server_no_context_takeover"
HELLO = bytes.fromhex("f248cdc9c90700")
"""RFC 7692 7.2.3.1: "Hello" compressed, 7 bytes for 5."""
STORED = bytes.fromhex("000500faff48656c6c6f00")
"""RFC 7692 7.2.3.3: the same in a block without compression, 11 bytes."""
ZEROS = bytes(1000)

COMPRESSED = [
    *handshake(DEFLATE),
    server(TEXT, HELLO, rsv=RSV1),
    server(TEXT, STORED, rsv=RSV1),
    server(TEXT, b"below the threshold"),
    client(TEXT, b"not compressed"),
]
DECLINED = [
    (CLIENT, REQUEST + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
    (SERVER, RESPONSE + b"\r\n"),
    server(TEXT, b"Hello"),
    server(TEXT, b"Hello"),
    client(TEXT, b""),
]
PLAIN = [*handshake(), server(TEXT, b"Hello")]
PLACES = [(), range(99), range(0, 99, 3)]


def built(talks, table=COMPRESSION, places=(), **known):
    http, stage, builder = HttpStage(DEFAULT), WebSocketStage(DEFAULT), TableBuilder(DEFAULT)
    collector = Collector()
    for batch in batches_of(talks, places, **known):
        for rows in builder.push(stage.push(http.push(batch))):
            collector.write(rows)
    for rows in builder.finish():
        collector.write(rows)
    found = to_frame(collector.rows(table))
    return found.astype(object).where(found.notna(), None).to_dict("records")


def pick(row, *names):
    return tuple(row[name] for name in names)


FACTS = ("offered", "negotiated", "context_takeover", "window_bits")
SUMS = ("compressed_messages", "inflated_messages", "payload_bytes", "transfer_bytes")
ESTIMATES = ("estimated_messages", "estimated_payload_bytes", "estimated_saved_bytes")


@pytest.mark.parametrize("places", PLACES)
def test_rows_by_hand(places):
    rows = built([COMPRESSED, PLAIN, DECLINED], places=places)
    assert [pick(row, "connection", "direction") for row in rows] == [
        *((0, "client"), (0, "server"), (2, "client"), (2, "server")),
        *((None, "client"), (None, "server")),
    ]
    first, second, third, fourth, _, everyone = rows
    assert pick(first, *FACTS) == (True, True, True, 15)
    assert pick(first, "messages", *SUMS, "saved_ratio") == (1, 0, 0, 0, 0, None)
    assert pick(second, *FACTS) == (True, True, False, 15)
    assert pick(second, "messages", *SUMS) == (3, 2, 2, 10, 18)
    assert pick(second, "saved_bytes", "saved_ratio") == (-8, -0.8)
    assert pick(second, "grown_messages", "grown_bytes") == (2, 8)
    assert pick(second, *ESTIMATES, "estimated_ratio") == (0, 0, 0, None)
    # RFC 7692 7.2.3.6 and 7.2.3.2: 1 byte for none; 7 and then 5 bytes for 5.
    assert pick(third, *FACTS, *ESTIMATES) == (True, False, None, None, 1, 0, -1)
    assert third["estimated_ratio"] is None
    assert pick(fourth, "messages", *SUMS, *ESTIMATES) == (2, 0, 0, 0, 0, 2, 10, -2)
    assert fourth["estimated_ratio"] == -0.2
    assert pick(everyone, *FACTS) == (True, True, None, None)
    assert pick(everyone, "messages", *SUMS, *ESTIMATES) == (5, 2, 2, 10, 18, 2, 10, -2)
    assert pick(everyone, "grown_messages", "grown_bytes", "saved_bytes") == (2, 8, -8)


def test_messages_by_hand():
    rows = built([COMPRESSED, DECLINED], MESSAGES)
    found = [(row["deflate_saved_bytes"], row["deflate_estimate_bytes"]) for row in rows]
    assert found == [(-2, None), (-6, None), *[(None, None)] * 2, (None, -2), (None, 0), (None, -1)]


def test_nothing_where_compression_was_no_matter():
    assert built([PLAIN, PLAIN]) == []


@pytest.mark.parametrize("places", PLACES)
def test_messages_that_cannot_be_inflated_are_counted_apart(places):
    whole = frame(TEXT, HELLO, rsv=RSV1)
    lost = [(SERVER, whole[:4]), (SERVER, 2), (SERVER, whole[6:])]
    rows = built([[*handshake(DEFLATE), *lost, server(TEXT, HELLO, rsv=RSV1)]], places=places)
    assert pick(rows[1], "messages", *SUMS, "saved_bytes") == (2, 2, 1, 5, 7, -2)


@pytest.mark.parametrize("places", PLACES)
def test_handshake_not_captured(places):
    context = zlib.compressobj(wbits=-15)
    sent = (context.compress(ZEROS) + context.flush(zlib.Z_SYNC_FLUSH))[:-4]
    steps = [client(TEXT, b"go on"), server(TEXT, sent, rsv=RSV1)] * 4
    rows = built([steps], places=places, sides_known=False)
    assert pick(rows[1], "connection", *FACTS) == (0, None, None, None, None)
    assert rows[1]["compressed_messages"] == 4
    assert rows[1]["saved_bytes"] > 0
    plain = [client(TEXT, b"asked once more"), server(TEXT, b"answered again")] * 3
    assert built([plain], sides_known=False) == []


def compressed_of(rows):
    return np.asarray(rows.values["compressed_messages"]).tolist()


def test_a_slot_that_is_used_again_begins_at_nothing():
    http, stage, builder = HttpStage(DEFAULT), WebSocketStage(DEFAULT), TableBuilder(DEFAULT)
    counts = []
    for _ in range(2):
        for batch in batches_of([COMPRESSED], [5]):
            made = builder.push(stage.push(http.push(batch)))
            counts += [compressed_of(rows) for rows in made if rows.table is COMPRESSION]
    assert counts == [[0, 2], [0, 2]]
    (total,) = [rows for rows in builder.finish() if rows.table is COMPRESSION]
    assert compressed_of(total) == [0, 4]


def test_random_bytes_grow():
    noise = random.Random(3).randbytes(500)
    context = zlib.compressobj(wbits=-15)
    sent = (context.compress(noise) + context.flush(zlib.Z_SYNC_FLUSH))[:-4]
    (_, row, _, _) = built([[*handshake(DEFLATE), server(2, sent, rsv=RSV1)]])
    assert pick(row, "grown_messages", "grown_bytes") == (1, len(sent) - 500)
    assert len(sent) > 500


def test_sums_are_those_of_the_messages():
    tables = analyzer.analyze(CAPTURES, alternatives=False)
    compression, messages = tables.compression, tables.messages
    single = compression.dropna(subset=["connection"])
    assert len(single) > 20
    for row in single.itertuples():
        mine = messages[
            (messages["connection"] == row.connection) & (messages["direction"] == row.direction)
        ]
        saved = mine["deflate_saved_bytes"].dropna()
        assert (row.messages, row.saved_bytes) == (len(mine), saved.sum())
        assert (row.grown_messages, row.grown_bytes) == ((saved < 0).sum(), -saved[saved < 0].sum())
        estimated = mine["deflate_estimate_bytes"].dropna()
        assert row.estimated_messages == len(estimated)
        assert row.estimated_saved_bytes == estimated.sum()
    both = compression[compression["connection"].isna()].set_index("direction")
    # Of two legs of one conversation the sum has the one that opened first.
    legs = tables.connections.dropna(subset=["leg"])
    again = legs[legs.duplicated("leg")]["connection"]
    single = single[~single["connection"].isin(again)]
    for name in ("messages", "saved_bytes", "grown_bytes", "estimated_saved_bytes"):
        sums = single.groupby("direction", observed=True)[name].sum()
        assert both[name].to_dict() == sums.to_dict()
