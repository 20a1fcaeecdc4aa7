"""Rows of what messages say: secrets hidden, words made when they are read."""

import numpy as np
from oracle.spoken import heard, said, upgrade
from oracle.stages import TEXT, client, server

from analyzer.columns import NULL
from analyzer.inside.calls import Call, DoneCall, Moment
from analyzer.inside.fanout import Deliveries, Topic
from analyzer.options import Options
from analyzer.tables.inside import call_rows, fanout_rows, message_columns, shown, topic_rows
from analyzer.tables.summary import row_values

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
RPC = '{"jsonrpc":"2.0",'


def test_secrets_are_hidden_in_names_and_ids():
    ask = client(TEXT, f'{RPC}"method":"login {TOKEN}","id":"{TOKEN}"}}'.encode())
    answer = server(TEXT, f'{RPC}"result":1,"id":"{TOKEN}"}}'.encode())
    talk = [*upgrade(), ask, answer]
    tables = heard([talk])
    assert said(tables, "name", "id", "reply_to") == [
        ("login ***", "***", None),
        ("login ***", None, "***"),
    ]
    assert tables["calls"]["name"].tolist() == ["login ***"]
    open_tables = heard([talk], options=Options(show_secrets=True))
    assert TOKEN in said(open_tables, "name")[0][0]


def test_names_that_only_sound_like_secrets_stay():
    for name in ("auth:login", "token.refresh", "/topic/key", "sessions/list"):
        assert shown(name, Options()) == name
    assert shown("/queue/a?access_token=abc", Options()) == "/queue/a?access_token=***"
    assert shown(None, Options()) is None


def test_call_row():
    asked, answered = Moment(1, 4, 10, 11, 1_000, 2_000), Moment(0, 5, 12, 13, 3_000, 4_500)
    call = Call(7, "DISCONNECT", None, 1, asked, 0, items=2, outcome=1, answered=answered)
    row = row_values(call_rows([DoneCall(3, NULL, "stomp", call)], Options()), 0)
    assert row == {
        **{"call": 7, "connection": 3, "session": None, "inner": "stomp", "name": "DISCONNECT"},
        **{"caller": "server", "request": 4, "reply": 5, "request_packet": 10},
        **{"reply_packet": 13, "requested_at": 1_000, "reply_us": 3_500},
        **{"outcome": "error", "items": 2},
    }


def test_topic_and_fanout_rows():
    topic = Topic("mqtt", "a", 0, {1}, {2, 3}, 4, 8)
    row = row_values(topic_rows([topic], Options()), 0)
    assert (row["publishers"], row["subscribers"], row["delivered_us_median"]) == (1, 2, None)
    deliveries = Deliveries(["b", "token=abc"], np.array([[1, 1, 2, 3, 4, 5_000]]))
    row = row_values(fanout_rows(deliveries, Options()), 0)
    assert list(row.values()) == ["token=***", 1, 2, 3, 4, 5_000]


def test_without_the_stage_nothing_is_known():
    columns = {name: list(make()) for name, make in message_columns(None, 2, Options()).items()}
    assert columns["inner"] == [None, None]
    assert columns["inner_items"] == [NULL, NULL]
