"""Payload does not reach a writer that is not to see it; everything else does."""

from oracle.live import STATS, Recorder
from oracle.rows import table_rows
from oracle.sample import message

from analyzer.report.hiding import HIDDEN, Hiding, HidingObserver
from analyzer.report.observer import Observer
from analyzer.tables.schema import FINDINGS, MESSAGES, TABLES


def test_every_column_of_payload_is_known():
    named = {c.name for table in TABLES for c in table.columns if c.type == "payload"}
    previews = {c.name for table in TABLES for c in table.columns if "preview" in c.name}
    assert named | previews == set(HIDDEN)


def test_payload_is_null_and_the_rest_is_there():
    rows = table_rows(MESSAGES, [{**message(1, "client"), "payload_preview": "secret"}])
    seen = Recorder()
    hiding = HidingObserver(seen)
    assert isinstance(hiding, Observer)
    assert not isinstance(Hiding(seen), Observer)
    hiding.news(rows)
    hiding.write(rows)
    hiding.tick(5, STATS)
    for ((_, told),) in zip([*seen.told, *seen.final]):
        assert told["payload_preview"] is None
        assert told["message"] == 1
    assert rows.values["payload_preview"][0] == "secret"
    other = table_rows(FINDINGS, [])
    hiding.write(other)
    assert seen.final[-1][0] != "findings" or other.count
