"""How long each part of a handshake took."""

import pytest
from oracle.tls import server_hello

from analyzer.columns import NULL, empty
from analyzer.http.exchanges import Handshake
from analyzer.options import Options
from analyzer.tables.schema import HANDSHAKES, OUTCOMES
from analyzer.tables.timing import Endpoints, attempt, columns_of, handshake_rows, silence
from analyzer.tcp.bytestream import CONNECTION, Connection
from analyzer.tls.hello import parse_server_hello
from analyzer.tls.session import Session


def tcp(**fields):
    row = empty(CONNECTION, 1)[0]
    row["version"], row["low0"], row["low1"] = 4, 0x0A000001, 0x0A000002
    row["port0"], row["port1"], row["tcp_stream"] = 40000, 80, 6
    row["syn_time"], row["established_time"], row["syn_retries"] = 100, 130, 1
    for name, value in fields.items():
        row[name] = value
    return Connection._make(row.tolist())


def detail(**fields):
    times = {"request_first_time": 140, "request_last_time": 145}
    times |= {"response_first_time": 190, "response_last_time": 200}
    return Handshake(0, 0, number=2, outcome="accepted", **{**times, **fields})


def measured(row=None, first_data=260, **fields):
    row = tcp() if row is None else row
    made = attempt(detail(**fields), row, Endpoints.of(row, 0), 1, first_data)
    return made.started_at, made.tcp, made.upgrade, made.total, made.first_message


def test_first_in_its_connection():
    assert measured() == (100, 30, 60, 100, 60)


def test_on_a_reused_connection_tcp_costs_nothing():
    assert measured(first_in_connection=False) == (140, NULL, 60, 60, 60)
    row = tcp()
    made = attempt(detail(first_in_connection=False), row, Endpoints.of(row, 0), 1, NULL)
    assert made.syn_retries == NULL


def test_without_syn():
    assert measured(tcp(syn_time=NULL, established_time=NULL)) == (140, NULL, 60, 60, 60)


def test_101_without_its_request():
    fields = {"request_first_time": NULL, "request_last_time": NULL}
    row = tcp(syn_time=NULL, established_time=NULL)
    assert measured(row, **fields) == (190, NULL, NULL, NULL, 60)


def test_never_answered():
    fields = {"response_first_time": NULL, "response_last_time": NULL}
    assert measured(first_data=NULL, **fields) == (100, 30, NULL, NULL, NULL)


def test_no_message():
    assert measured(first_data=NULL)[4] == NULL


def test_message_before_the_end_of_the_101_did_not_wait():
    assert measured(first_data=150)[4] == 0


@pytest.mark.parametrize(("side", "client"), [(0, "10.0.0.1"), (1, "10.0.0.2")])
def test_client_comes_first(side, client):
    ends = Endpoints.of(tcp(), side)
    assert (ends.client_ip, ends.client_port) == (client, 40000 if side == 0 else 80)


def test_rows_hide_secrets_and_show_null():
    row = tcp()
    fields = {"path": "/chat?token=secret", "request_packet": 4, "key": "k", "accept_valid": None}
    made = attempt(detail(**fields), row, Endpoints.of(row, 0), NULL, NULL)
    hidden = handshake_rows([made], Options())
    shown = handshake_rows([made], Options(show_secrets=True))
    assert "secret" not in hidden.values["path"][0]
    assert shown.values["path"] == ["/chat?token=secret"]
    cells = {name: next(iter(column)) for name, column in hidden.values.items()}
    assert cells["outcome"] == OUTCOMES.index("accepted")
    assert (cells["request_packet"], cells["response_packet"]) == (4, NULL)
    assert (cells["accept_valid"], cells["connection"], cells["status"]) == (-1, NULL, NULL)
    assert list(hidden.values) == [column.name for column in HANDSHAKES.columns]


def test_no_rows_have_all_columns():
    columns = columns_of(HANDSHAKES.columns, [])
    assert {len(values) for values in columns.values()} == {0}
    assert list(columns) == [column.name for column in HANDSHAKES.columns]


def idle(row=None, session=None, **fields):
    row = tcp() if row is None else row
    return attempt(detail(**fields), row, Endpoints.of(row, 0), 1, NULL, session).idle


def test_idle_is_what_the_client_spent_between_the_parts():
    assert idle() == 10  # 100 in all, 30 for TCP, 60 for the upgrade
    session = Session(0, 0)
    session.started_at = 132
    session.sides[0].finished_time = 137
    session.sides[1].finished_time = 136
    session.server = parse_server_hello(server_hello()[4:])
    assert idle(session=session, scheme="wss") == 5


def test_idle_needs_every_part():
    assert idle(tcp(established_time=NULL)) == NULL
    assert idle(tcp(syn_time=NULL, established_time=NULL)) == NULL
    assert idle(response_last_time=NULL) == NULL
    assert idle(scheme="wss") == NULL  # TLS was not seen


def test_idle_on_a_connection_that_had_served_before_is_none():
    assert idle(first_in_connection=False) == 0


def test_silence():
    assert silence(10, 70) == 60
    assert silence(NULL, 70) == silence(10, NULL) == NULL
    assert silence(70, 69) == 0  # two clocks in one capture


def test_a_key_is_shown_as_it_is_and_what_is_none_is_not():
    """RFC 6455 1.3's key has nothing to hide; a slash in one makes no path with a secret in it."""
    key, looks = "dGhlIHNhbXBsZSBub25jZQ==", "AA/token/BBBBBBBBBBBBB=="
    accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    row = tcp()

    def shown(**fields):
        made = attempt(detail(**fields), row, Endpoints.of(row, 0), 1, 260)
        values = handshake_rows([made], Options()).values
        return values["key"][0], values["accept"][0]

    assert shown(key=key, accept=accept) == (key, accept)
    assert shown(key=looks, accept=accept) == (looks, accept)
    assert shown(key="token=secret", accept="access_token=abc") == ("token=***", "access_token=***")


def test_numbers_beyond_64_bits_become_the_nearest_that_fit():
    column = next(each for each in HANDSHAKES.columns if each.type == "us")
    made = columns_of([column], [(2**64,), (-(2**64),), (NULL,), (5,)])[column.name]
    assert list(made) == [2**63 - 1, NULL + 1, NULL, 5]
