"""Failed connects: rows where the server speaks WebSocket, findings elsewhere."""

from analyzer.columns import NULL, empty
from analyzer.options import Options
from analyzer.tables.failed_connects import FailedConnects
from analyzer.tables.timing import Endpoints
from analyzer.tcp.bytestream import CONNECTION, Connection


def connect(tcp_stream, server=2, *, reset_side=-1, retries=0, version=4):
    row = empty(CONNECTION, 1)[0]
    row["tcp_stream"], row["first_packet"], row["syn_time"] = tcp_stream, tcp_stream + 1, 1000
    row["high0"] = row["high1"] = 0x20010DB8 << 32
    row["low0"], row["low1"] = 1, server
    row["port0"], row["port1"] = 40000 + tcp_stream, 80
    row["reset_side"], row["syn_retries"], row["version"] = reset_side, retries, version
    return Connection._make(row.tolist())


def known(failed, row):
    failed.attempted(Endpoints.of(row, 0))


def test_rows_where_the_server_had_an_attempt_in_order_of_streams():
    failed = FailedConnects(Options())
    failed.add(connect(5, retries=2))
    failed.add(connect(3, reset_side=1))
    known(failed, connect(9))
    attempts, found = failed.finish(4)
    assert found == []
    assert [(each.handshake, each.tcp_stream, each.detail.outcome) for each in attempts] == [
        (4, 3, "syn-refused"),
        (5, 5, "syn-unanswered"),
    ]
    assert [each.started_at for each in attempts] == [1000, 1000]
    assert [(each.tcp, each.total, each.connection) for each in attempts] == [(NULL,) * 3] * 2
    assert "3 times" in attempts[1].detail.outcome_reason
    assert attempts[1].syn_retries == 2


def test_syn_withdrawn_by_the_client_is_unanswered():
    failed = FailedConnects(Options())
    failed.add(connect(0, reset_side=0))
    known(failed, connect(9))
    (attempt,), _ = failed.finish(0)
    assert attempt.detail.outcome == "syn-unanswered"
    assert "once" in attempt.detail.outcome_reason


def test_other_servers_are_one_finding_each():
    failed = FailedConnects(Options())
    for stream in (2, 1):
        failed.add(connect(stream, reset_side=1))
    failed.add(connect(0, server=7))
    failed.add(connect(4, server=7, version=6))
    attempts, found = failed.finish(0)
    assert attempts == []
    assert [(each.kind.id, each.detail, each.packet, each.count) for each in found] == [
        ("tcp-connect-unanswered", "0.0.0.7:80", 1, 1),
        ("tcp-connect-refused", "0.0.0.2:80", 2, 2),
        ("tcp-connect-unanswered", "[2001:db8::7]:80", 5, 1),
    ]


def test_what_the_limit_cuts_is_counted():
    failed = FailedConnects(Options(max_failed_connects=2))
    for stream in range(5):
        failed.add(connect(stream, reset_side=1))
    _, found = failed.finish(0)
    assert [(each.kind.id, each.count) for each in found] == [
        ("tcp-connect-refused", 2),
        ("tcp-connect-limit", 3),
    ]
