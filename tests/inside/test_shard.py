"""The stage of a shard says what the stage of one process says, but for what it notes."""

from __future__ import annotations

import random

import numpy as np
import pytest
from oracle.spoken import upgrade
from oracle.stages import BINARY, CLIENT, SERVER, TEXT, batches_of, client, server

from analyzer.http.stage import HttpStage
from analyzer.inside.joined import Joined
from analyzer.inside.shard import ShardStage
from analyzer.inside.stage import InsideStage
from analyzer.options import Options
from analyzer.tables.inside import call_rows, fanout_rows, topic_rows
from analyzer.websocket.stage import WebSocketStage


def said(pick, make):
    number = pick.choice(["", "", "0", "1", "7"])
    if make == "json-rpc":
        return pick.choice(
            [f'{{"jsonrpc":"2.0","method":"m{number}","id":{number or 9}}}'] * 3
            + [f'{{"jsonrpc":"2.0","id":{number or 9},"result":1}}'] * 3
            + [f'[{{"jsonrpc":"2.0","method":"x","id":{number or 9}}}]', '{"jsonrpc":"2.0"']
        )
    name = pick.choice(["chat", "chat", "größe", f"n{number}"])
    return pick.choice(
        [f'42["{name}",1]'] * 6
        + [f'42{number or 3}["{name}"]', f"43{number or 3}[1]"] * 3
        + ["2", "3", f'42/room,{number}["{name}"]', "42["]
    )


OPENINGS = {
    "json-rpc": [client(TEXT, b'{"jsonrpc":"2.0","method":"hello","id":5}')] * 2,
    "socket.io": [server(TEXT, b'0{"sid":"a"}'), client(TEXT, b"40")],
}


def conversation(pick, make):
    talk = [*upgrade("/"), *OPENINGS[make]]
    for _ in range(60):
        side = pick.choice([client, server])
        roll = pick.random()
        if roll < 0.03:
            talk.append((pick.choice([CLIENT, SERVER]), 30))
        elif roll < 0.06:
            talk.append(side(BINARY, b"\x04abc"))
        else:
            talk.append(side(TEXT, said(pick, make).encode()))
    return talk


def led(talks, places, options, made):
    """Lead conversations through the stages; return what each batch of the last one is."""
    http, stage = HttpStage(options), WebSocketStage(options)
    inside = made(options, stage.by_slot)
    stage.hearing.listener = inside.hear
    batches = list(batches_of(talks, places))
    for batch in batches:
        last = batch is batches[-1]
        below = http.push(batch, last=last)
        inside.begin(below)
        websocket = stage.push(below)
        if isinstance(inside, ShardStage):
            inside.reach(int(batch.rows["packet"].max(initial=0)))
        yield inside, inside.push(websocket, last=last)


def cells(rows):
    columns = [list(rows.values[column.name]) for column in rows.table.columns]
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", OPENINGS)
def test_one_shard_is_the_whole(make, seed):
    pick = random.Random(seed)
    talks = [conversation(pick, make) for _ in range(3)]
    options = Options(max_inside_calls=pick.choice([3, 1024]))
    places = pick.choice([(), range(1, 400), range(0, 400, 7)])
    joined, numbers = Joined(options, 1), [np.arange(3)]
    expected, found = [], []
    for stage, batch in led(talks, places, options, InsideStage):
        finish = stage.finish
        expected += cells(call_rows(batch.calls, options, batch.plain_calls))
        expected += cells(fanout_rows(batch.deliveries, options))
        expected.append([batch.says.labels.known[code] for code in batch.says.codes])
    expected += cells(topic_rows(finish(), options))
    for shard, batch in led(talks, places, options, ShardStage):
        assert batch.deliveries is None
        assert len(batch.says.labels.known) == len(batch.plain_calls.labels.known) == 1
        ended = [each.connection for each in batch.websocket.ended]
        one = joined.push([batch], [shard.take_noted()], numbers, ended)
        found += cells(call_rows(one.calls, options, one.plain_calls))
        found += cells(fanout_rows(one.deliveries, options))
        found.append([joined.labels.known[code] for code in one.codes[0]])
    found += cells(topic_rows(joined.finish(), options))
    assert found == expected
    assert len([each for each in found if isinstance(each, tuple)]) > 10
