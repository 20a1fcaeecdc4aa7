"""Payload does not reach a writer that is not to see it; everything else does."""

from oracle.live import STATS, Recorder
from oracle.rows import table_rows
from oracle.sample import message

from analyzer.report.hiding import HIDDEN, WHOLE, Hiding, HidingObserver, without_payload
from analyzer.report.observer import Observer
from analyzer.tables.schema import FINDINGS, MESSAGES, TABLES, TableRows


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


def test_rows_without_payload_are_handed_on_as_they_are():
    rows = table_rows(FINDINGS, [{"id": "x", "text": "y"}])
    assert without_payload(rows) is rows


def test_whole_payload_alone_is_hidden_and_what_is_made_late_is_not_made():
    class Late(dict):
        def __getitem__(self, name):
            asked.append(name)
            return super().__getitem__(name)

    asked = []
    made = table_rows(MESSAGES, [{**message(1, "client"), "payload_preview": "begins"}])
    shown = without_payload(TableRows(MESSAGES, Late(made.values), 1), WHOLE)
    assert shown.values["payload"][0] is None
    assert asked == []
    assert shown.values["payload_preview"][0] == "begins"
