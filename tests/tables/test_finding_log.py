"""Rows of findings: floods counted, connection numbers known later."""

from analyzer import findings
from analyzer.columns import NULL
from analyzer.findings import SEVERITIES, Finding
from analyzer.options import Options
from analyzer.tables.finding_log import AMOUNT, FindingLog

STREAMS = {3: 30, 4: 40}
KIND = findings.WEBSOCKET_UNMASKED_CLIENT_FRAME
OTHER = findings.TCP_LOST


def taken(log):
    rows = log.take()
    names = ("id", "connection", "tcp_stream", "packet", "frame", "count")
    columns = [list(rows.values[name]) for name in names]
    return list(zip(*columns, strict=True))


def test_waits_for_the_connection_and_then_leaves_at_once():
    log = FindingLog(Options())
    log.add([Finding(KIND, 3, 7, 2)], STREAMS)
    assert taken(log) == []
    log.opened(3, 5)
    assert taken(log) == [(KIND.id, 5, 30, 7, 2, 1)]
    log.add([Finding(KIND, 3, 8, 3)], STREAMS)
    assert taken(log) == [(KIND.id, 5, 30, 8, 3, 1)]


def test_without_a_connection_it_leaves_with_the_slot():
    log = FindingLog(Options())
    log.add([Finding(OTHER, 4, 0, detail=9)], STREAMS)
    log.ended(4)
    log.ended(3)
    rows = log.take()
    assert list(rows.values["connection"]) == [NULL]
    assert list(rows.values["packet"]) == [NULL]
    assert list(rows.values["text"]) == [OTHER.text.replace("{detail}", "9")]
    assert list(rows.values["severity"]) == [SEVERITIES.index(OTHER.severity)]
    assert list(rows.values["rfc"]) == [None]


def test_slot_used_again_is_another_connection():
    log = FindingLog(Options())
    log.opened(3, 5)
    log.ended(3)
    log.add([Finding(KIND, 3, 9)], {3: 31})
    log.opened(3, 6)
    assert taken(log) == [(KIND.id, 6, 31, 9, NULL, 1)]


def test_flood_is_counted_with_the_first_that_has_no_row():
    log = FindingLog(Options(findings_per_connection=2))
    log.opened(3, 0)
    log.add([Finding(KIND, 3, packet) for packet in range(1, 6)], STREAMS)
    log.add([Finding(KIND, 3, 6, count=10), Finding(OTHER, 3, 7)], STREAMS)
    assert [row[3] for row in taken(log)] == [1, 2, 7]
    log.ended(3)
    rows = log.take()
    assert list(rows.values["packet"]) == [3]
    assert list(rows.values["count"]) == [13]
    assert list(rows.values["text"]) == ["A client frame is not masked. (13 times from here on.)"]


def test_limit_is_for_each_connection():
    log = FindingLog(Options(findings_per_connection=1))
    for slot in (3, 4):
        log.opened(slot, slot)
    log.add([Finding(KIND, 3, 1), Finding(KIND, 4, 2), Finding(KIND, 3, 3)], STREAMS)
    log.finish()
    assert sorted(taken(log)) == [
        (KIND.id, 3, 30, 1, NULL, 1),
        (KIND.id, 3, 30, 3, NULL, 1),
        (KIND.id, 4, 40, 2, NULL, 1),
    ]


def test_findings_of_no_connection():
    log = FindingLog(Options(findings_per_connection=1))
    log.add([Finding(findings.CAPTURE_CUT, packet=1), Finding(findings.CAPTURE_CUT)], {})
    assert taken(log) == [("capture-cut", NULL, NULL, 1, NULL, 1)]
    log.finish()
    assert taken(log) == [("capture-cut", NULL, NULL, NULL, NULL, 1)]


def test_flood_of_evicted_connections_stays_small():
    limit = Options().findings_per_connection
    log = FindingLog(Options())
    for stream in range(1000):
        slot = stream % 7
        found = Finding(
            findings.TCP_CONNECTION_LIMIT, slot, stream + 1, detail=f"tcp.stream {stream}"
        )
        log.add([found], {slot: stream})
        log.ended(slot)
    log.finish()
    rows = taken(log)
    assert len(rows) == limit + 1
    assert sum(count for *_, count in rows) == 1000


def test_amounts_of_all_are_handed_on_also_of_those_without_a_row():
    log = FindingLog(Options(findings_per_connection=2))
    log.opened(3, 0)
    log.add([Finding(OTHER, 3, 1, detail=detail) for detail in (5, "70", 600, 8000)], STREAMS)
    log.add([Finding(KIND, 3, 2)], STREAMS)
    log.ended(3)
    assert list(log.take().values[AMOUNT]) == [5, 70, NULL, 8600]
