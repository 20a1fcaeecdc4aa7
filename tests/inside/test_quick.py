"""The quick way says of every message what the decoders say."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
from oracle.spoken import heard, upgrade
from oracle.stages import BINARY, CLIENT, SERVER, TEXT, client, server

from analyzer.columns import NULL
from analyzer.inside._open_calls import DONE_COLUMNS
from analyzer.inside._quick import Quick
from analyzer.inside.calls import Numbers
from analyzer.inside.fanout import Spreading
from analyzer.inside.labels import Label, Labels
from analyzer.inside.protocol import Setting
from analyzer.inside.recognition import Recogniser
from analyzer.inside.registry import GENERIC, PROTOCOLS
from analyzer.inside.stage import InsideStage
from analyzer.inside.talk import Shared, Talk
from analyzer.options import Options

TABLES = ("messages", "calls", "topics", "fanout", "findings")
IDS = [0, 1, 2, 3, 10, 17, 999_999_999_999_999_999]
ODD_IDS = ["007", "1000000000000000000", "18446744073709551616", "-1", "1.0", '"a"', "null"]


def rpc(pick):
    """A message of JSON-RPC, plain or not; of text that may be delivered to others."""
    number = pick.choice([*map(str, IDS)] * 3 + ODD_IDS)
    method = pick.choice(["add", "sub", "größe", "a\\nb", "m" * 300, ""])
    return pick.choice(
        [f'{{"jsonrpc":"2.0","method":"{method}","id":{number}}}'] * 6
        + [f'{{"jsonrpc":"2.0","id":{number},"result":{{"a":[1]}}}}'] * 6
        + [
            f'{{"jsonrpc":"2.0","method":"{method}"}}',
            f'{{"jsonrpc":"2.0","id":{number},"error":{{"code":1}}}}',
            f'{{"jsonrpc":"2.0","id":{number},"error":null,"result":1}}',
            f'[{{"jsonrpc":"2.0","method":"add","id":{number}}},{{"jsonrpc":"2.0","method":"b"}}]',
            f'[{{"jsonrpc":"2.0","id":{number},"result":1}}]',
            '{"jsonrpc":"1.0","method":"x"}',
            '{"notification":"x"}',
            '{"jsonrpc":"2.0","method":"x"',
        ]
    )


def socket_io(pick):
    number = pick.choice([*map(str, IDS)] * 3 + ["007", "1000000000000000000", "", "", ""])
    name = pick.choice(["chat", "größe", 'a\\"b', "n" * 300, ""])
    return pick.choice(
        [f'42{number}["{name}",{{"text":"hi"}}]'] * 6
        + [f'43{number}[{{"ok":true}}]'] * 5
        + ["2", "3", "2", "3probe", "41", "40/admin,", "4", "42[]", '42["x"', "42", "hello"]
        + [f'42/admin,{number}["{name}"]', f"43/admin,{number}[]", f'451-{number}["{name}",{{}}]']
        + ['42[ "chat",1]', "430[]x", '42["chat"']
    )


def any_json(pick):
    """A message of other JSON, plain or not: names, ids of both sides, and what is neither."""
    number = pick.choice([*map(str, IDS)] * 3 + [*ODD_IDS, "{}", "[1]", "true"])
    id_ = pick.choice(["id", "id", "requestId", "request_id"])
    name = pick.choice(["add", "sub", "größe", "a\\u0062", "m" * 70, "a b", ""])
    return pick.choice(
        [f'{{"type":"{name}","{id_}":{number}}}'] * 6
        + [f'{{"{id_}":{number},"data":{{"a":[1]}}}}'] * 6
        + [f'{{"op":{number},"type":"{name}"}}', f'{{"kind":"{name}{pick.randrange(400)}"}}'] * 2
        + [
            f'{{"type":"{name}","id":{number},"error":{{"code":1}}}}',
            f'{{"type":"{name}","id":{number},"error":null}}',
            *("[1]", "{}", "{", '{"type":"x"', '{"type":1,"id":1}'),
            f'{{"type":"update","id":{number}}}',
            f'{{"type":"update","channel":"{name}"}}',
            f'{{"type":"update","channel":7,"table":"{name}","topic":""}}',
            f'{{"topic":"update","event":"{name}"}}',
            f'{{"msg":"{name} words","op":"ping"}}',
        ]
    )


def conversation(pick, make, opening, length):
    talk = [*upgrade("/socket.io/?EIO=4&transport=websocket" if make is socket_io else "/")]
    talk += opening
    for _ in range(length):
        side = pick.choice([client, server])
        roll = pick.random()
        if roll < 0.03:
            talk.append((pick.choice([CLIENT, SERVER]), 30))
        elif roll < 0.06:
            talk.append(side(BINARY, b"\x04abc"))
        else:
            talk.append(side(TEXT, make(pick).encode()))
    return talk


OPENINGS = {
    rpc: [client(TEXT, b'{"jsonrpc":"2.0","method":"hello","id":5}')] * 2,
    any_json: [client(TEXT, b'{"type":"hello","id":5}'), server(TEXT, b'{"type":"b","id":5}')] * 4,
    socket_io: [server(TEXT, b'0{"sid":"a"}'), client(TEXT, b"40"), server(TEXT, b'40{"sid":"b"}')],
}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", [rpc, socket_io, any_json])
def test_both_ways_say_the_same(make, seed, monkeypatch):
    pick = random.Random(seed)
    talks = [conversation(pick, make, OPENINGS[make], 60) for _ in range(3)]
    options = Options(max_inside_calls=pick.choice([3, 1024]))
    quick = heard(talks, pick.choice([(), range(1, 400), range(0, 400, 7)]), options)
    monkeypatch.setattr(InsideStage, "_go_quick", lambda *_: None)
    slow = heard(talks, (), options)
    for name in TABLES:
        pd.testing.assert_frame_equal(quick[name], slow[name])
    assert len(quick["calls"]) > 5


# --- the kernel alone


def kernel(protocol, most=4):
    shared = Shared(Options(max_inside_calls=most))
    talk = Talk.begin(shared, 7, ("s",), Setting(), Recogniser(Setting(), PROTOCOLS, GENERIC))
    inner = {1: "socket.io", 2: "json-rpc"}[protocol]
    talk.speak(next(each for each in PROTOCOLS if each.inner in (inner, "engine.io")))
    assert talk.decoder is not None
    if protocol == 2:
        talk.speak(next(each for each in PROTOCOLS if each.inner == inner))
    else:
        talk.decoder.inner = inner
    quick = Quick(shared.numbers, shared.labels, shared.spreading)
    quick.enter(3, talk, protocol, None)
    return quick, talk, shared


def led(quick, *messages, slot=3):
    """Lead messages (sender, payload) the quick way; return how many went it, and labels."""
    count = len(messages)
    moments = np.zeros((6, count), np.int64)
    moments[0] = [sender for sender, _ in messages]
    moments[1] = range(count)
    moments[2] = moments[3] = range(100, 100 + count)
    moments[4] = moments[5] = range(1000, 1000 + 10 * count, 10)
    quick.begin(moments)
    quick.reserve(count)
    codes = np.zeros(count, np.int32)
    went = quick.run(
        0,
        [payload for _, payload in messages],
        np.arange(count, dtype=np.int64),
        np.full(count, slot, np.int64),
        np.ones(count, np.uint8),
        codes,
    )
    return went, codes


def test_calls_of_the_kernel():
    quick, talk, shared = kernel(1)
    went, codes = led(quick, (CLIENT, b'420["add",1]'), (SERVER, b"2"), (SERVER, b"430[]"))
    assert went == 3
    assert [shared.labels.known[code] for code in codes] == [
        Label("socket.io", "event", "add", "/"),
        Label("socket.io", "heartbeat"),
        Label("socket.io", "ack", "add", "/"),
    ]
    (row,) = quick.take_done()
    done = dict(zip(DONE_COLUMNS, row.tolist(), strict=True))
    assert (done["connection"], done["request"], done["reply"], done["number"]) == (7, 0, 2, 0)
    assert (done["request_packet"], done["reply_packet"], done["reply_ns"]) == (100, 102, 20)
    flags, ids, replies = quick.take_plain(np.arange(3))
    assert flags.tolist() == [1, 0, 2]
    assert ids.tolist()[::2] == [0, 0]
    assert replies.tolist()[::2] == [NULL, 20]
    assert quick.take_plain(np.arange(3))[0].tolist() == [0, 0, 0]
    assert len(quick.take_done()) == 0
    assert talk.book.open == {}


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"4", b"42", b"42[", b"42[]", b'42["', b'42["a', b'42["a]', b"43[]", b"44{}]"),
        *(b"430", b'42["\xff"]', b'42["a\\"]', b"4" + b"2" * 40 + b'["a"]', b'4201["a"]'),
        *(b"431[]", b"[]]]]"),
    ],
)
def test_what_is_not_plain_socket_io_is_left(payload):
    quick, _, _ = kernel(1)
    assert led(quick, (CLIENT, payload))[0] == 0


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"{", b"[]", b"{}", b'{"jsonrpc":"2.0"}', b'{"jsonrpc":"2.0","method":1}'),
        *(b"\xff{", b'{"jsonrpc":"2.0","result":1,"id":1}'),
        b'{"jsonrpc":"2.0","method":"a","id":1e3}',
    ],
)
def test_what_is_not_plain_json_rpc_is_left(payload):
    quick, _, _ = kernel(2)
    assert led(quick, (CLIENT, payload))[0] == 0


def test_the_book_gets_the_calls_that_wait():
    quick, talk, _ = kernel(2)
    ask = b'{"jsonrpc":"2.0","method":"m%d","id":%d}'
    asks = [(CLIENT, ask % (number, number)) for number in range(4)]
    # There is room for four; the fifth is for the book, which gives up the oldest.
    assert led(quick, *asks, (CLIENT, ask % (9, 9)))[0] == 4
    quick.settle(3)
    assert list(talk.book.open) == [(CLIENT, b"%d" % number) for number in range(4)]
    assert [call.name for call in talk.book.open.values()] == ["m0", "m1", "m2", "m3"]
    assert talk.book.turn == 4
    quick.leave(3)
    assert not quick.goes(3)
    assert led(quick, (CLIENT, ask % (1, 1)))[0] == 0


def test_the_book_is_not_put_in_order_for_each_message():
    """It is told of each call once, however many wait in it."""
    quick, talk, _ = kernel(2, most=1000)
    ask = b'{"jsonrpc":"2.0","method":"m","id":%d}'
    book = talk.book.open
    for number in range(20):
        assert led(quick, *((CLIENT, ask % (10 * number + n)) for n in range(10)))[0] == 10
        quick.settle(3)
        quick.enter(3, talk, 2, None)
        assert talk.book.open is book
    assert [call.number for call in book.values()] == list(range(200))


def test_more_names_than_a_conversation_keeps():
    quick, _, shared = kernel(1)
    said = [(CLIENT, b'42["m%d"]' % number) for number in range(600)]
    went, codes = led(quick, *said, *said)
    assert went == 1200
    assert codes[:600].tolist() == codes[600:].tolist()
    assert [shared.labels.known[code].name for code in codes[:600]] == [
        f"m{number}" for number in range(600)
    ]


def test_many_calls_of_many_connections_wait():
    quick, _, shared = kernel(2, most=3000)
    ask = b'{"jsonrpc":"2.0","method":"m","id":%d}'
    # All multiples of a power of two.
    ids = [number << 20 for number in range(1500)]
    assert led(quick, *((CLIENT, ask % number) for number in ids))[0] == 1500
    answer = b'{"jsonrpc":"2.0","result":1,"id":%d}'
    assert led(quick, *((SERVER, answer % number) for number in reversed(ids)))[0] == 1500
    assert quick.take_done()[:, 10].tolist() == list(reversed(range(1500)))
    assert shared.numbers.next == 1500


def test_slots_and_lanes_are_used_again():
    shared = Shared(Options())
    quick = Quick(Numbers(), Labels(100), Spreading(Options()))
    for slot in range(200):
        talk = Talk.begin(
            shared, slot, ("s",), Setting("", ""), Recogniser(Setting(), PROTOCOLS, GENERIC)
        )
        talk.speak(next(each for each in PROTOCOLS if each.inner == "json-rpc"))
        quick.enter(slot, talk, 2, None)
        assert quick.goes(slot)
    for slot in range(0, 200, 2):
        quick.leave(slot)
    assert [quick.goes(slot) for slot in range(4)] == [False, True, False, True]
