"""News: each message, handshake and connection once, early, and in agreement with the tables."""

from __future__ import annotations

import numpy as np
import pytest
from oracle.live import Recorder, packets_of, replay

from analyzer.capture.records import RecordBatch
from analyzer.options import Options
from analyzer.pipeline import Pipeline

NAMES = ["npm-ws-basic.pcap", "handshakes.pcap", "npm-ws-deflate-takeover.pcap", "lossy.pcap"]
MAY_GROW = {
    *("packet_header_bytes", "ack_bytes", "retransmitted_bytes", "wire_bytes", "overhead_ratio"),
    "resent_us",
}


def key(row):
    return row["connection"], row["message"]


@pytest.mark.parametrize("name", NAMES)
def test_each_message_is_told_once_as_its_row_will_say(name):
    recorder = Recorder()
    pipeline = replay(name, [recorder], Options(news_wait_s=0.0))
    pipeline.finish()
    told, final = recorder.news_of("messages"), recorder.rows_of("messages")
    assert sorted(map(key, told)) == sorted(map(key, final))
    rows = {key(row): row for row in final}
    for row in told:
        late = rows[key(row)]
        for column, value in row.items():
            known = column not in MAY_GROW or value is not None
            if known:
                assert value == late[column], column


@pytest.mark.parametrize("name", NAMES)
def test_tables_do_not_change_where_somebody_watches(name):
    watched, unwatched = Recorder(), Unwatching()
    replay(name, [watched]).finish()
    pipeline = Pipeline(Options(), [unwatched])
    for batch in packets_of(name):
        pipeline.push(batch)
    pipeline.finish()

    def in_order(rows):
        return sorted((table, str(row)) for table, row in rows)

    assert in_order(watched.final) == in_order(unwatched.final)


class Unwatching:
    """A writer and nothing more."""

    def __init__(self):
        self.final = []
        self._recorder = Recorder()

    def write(self, rows):
        self._recorder.write(rows)
        self.final = self._recorder.final

    def close(self):
        pass

    def abort(self):
        pass


def test_a_message_waits_for_its_ack_only_so_long():
    """By the clock of the capture: told at most news_wait_s and a look after its last byte."""
    recorder = Recorder()
    pipeline = Pipeline(Options(news_wait_s=0.04), [recorder])
    late = []
    for batch in packets_of("npm-ws-basic.pcap"):
        pipeline.push(batch)
        now = pipeline.summary.capture.last_time
        # Between packets time passes, and nobody but the clock says so.
        for step in range(0, 200_000_000, 10_000_000):
            before = len(recorder.news_of("messages"))
            pipeline.tick(now + step)
            late += [now + step - row["time_last"] for row in recorder.news_of("messages")[before:]]
    assert late
    assert max(late) <= 40_000_000 + 20_000_000 + 10_000_000
    assert len(recorder.news_of("messages")) == len(
        pipeline.finish() and recorder.rows_of("messages")
    )


def test_costs_that_are_not_known_are_null():
    recorder = Recorder()
    pipeline = Pipeline(Options(news_wait_s=0.0), [recorder])
    for batch in packets_of("npm-ws-basic.pcap"):
        pipeline.push(batch)
        pipeline.tick(pipeline.summary.capture.last_time + 30_000_000)
    early = [row for row in recorder.news_of("messages") if row["wire_bytes"] is None]
    assert early
    assert all(row[name] is None for row in early for name in MAY_GROW)
    assert all(
        row["payload_bytes"] is not None and row["payload_preview"] is not None for row in early
    )


@pytest.mark.parametrize("payload", ["preview", "full", "none"])
def test_acknowledged_and_waiting_messages_of_one_batch(payload):
    """Costs are known of those that were acknowledged, whoever else is told with them."""

    class Batches(Recorder):
        def news(self, rows):
            before = len(self.told)
            super().news(rows)
            batches.append([row for name, row in self.told[before:] if name == "messages"])

    batches = []
    recorder = Batches()
    pipeline = Pipeline(Options(news_wait_s=0.0, payload=payload), [recorder])
    packets = list(packets_of("lossy.pcap"))
    for first in range(0, len(packets), 30):
        some = packets[first : first + 30]
        rows = np.concatenate([each.rows for each in some])
        rows["start"] = np.cumsum([0, *(each.used for each in some[:-1])])
        data = np.concatenate([each.data for each in some])
        pipeline.push(RecordBatch(rows, data, len(data)))
    pipeline.finish()
    final = {key(row): row for row in recorder.rows_of("messages")}
    mixed = [rows for rows in batches if len({row["wire_bytes"] is None for row in rows}) == 2]
    assert mixed
    for row in (row for rows in mixed for row in rows):
        expected = final[key(row)]
        if row["wire_bytes"] is None:
            expected = expected | dict.fromkeys(MAY_GROW)
        assert row == expected


def test_handshakes_and_connections_are_told_at_the_101():
    recorder = Recorder()
    seen = {}
    pipeline = Pipeline(Options(), [recorder])
    for batch in packets_of("npm-ws-basic.pcap"):
        pipeline.push(batch)
        for row in recorder.news_of("handshakes"):
            seen.setdefault(row["handshake"], int(batch.rows["packet"][-1]))
    assert seen
    pipeline.finish()
    final = {row["handshake"]: row for row in recorder.rows_of("handshakes")}
    for row in recorder.news_of("handshakes"):
        late = final[row["handshake"]]
        assert seen[row["handshake"]] == late["response_packet"]
        assert row["first_message_us"] is None
        # What went before the connect is known with the row alone.
        later = {"first_message_us": 0, "attempts": 0}
        assert row["attempts"] is None
        assert {**row, **later} == {**late, **later}
    opened = recorder.news_of("connections")
    assert [row["connection"] for row in opened] == sorted(seen)
    assert {row["close_kind"] for row in opened} == {"open"}
    assert all(row["wire_bytes"] is None and row["closed_at"] is None for row in opened)


def test_refused_attempts_are_told_at_once():
    recorder = Recorder()
    pipeline = replay("handshakes.pcap", [recorder])
    before = {row["handshake"] for row in recorder.news_of("handshakes")}
    pipeline.finish()
    rows = recorder.rows_of("handshakes")
    answered = {row["handshake"] for row in rows if row["outcome"] in ("accepted", "refused")}
    assert len(answered) > 2
    assert answered <= before


def test_secrets_are_hidden_in_news():
    for shown in (False, True):
        recorder = Recorder()
        replay("nginx-proxy.pcapng", [recorder], Options(show_secrets=shown)).finish()
        final = {row["connection"]: row["path"] for row in recorder.rows_of("connections")}
        news = {row["connection"]: row["path"] for row in recorder.news_of("connections")}
        assert news == final
