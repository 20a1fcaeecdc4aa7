"""What the inside stage hands on: each row once, in order, with all that belongs to it."""

import pytest
from oracle.spoken import heard, upgrade
from oracle.stages import SERVER, TEXT, client, server

from analyzer.columns import NULL
from analyzer.inside.stage import InsideStage

ASKED, TOLD = b'{"jsonrpc":"2.0","method":"a","id":1}', b'{"a":1}'
ASK, NOTICE = client(TEXT, ASKED), server(TEXT, TOLD)


@pytest.mark.parametrize("cuts", [(), range(1, 200), range(0, 200, 7)])
def test_each_row_leaves_once_with_what_it_says(monkeypatch, cuts):
    batches = []
    push = InsideStage.push

    def noted(stage, batch, **given):
        batches.append(push(stage, batch, **given))
        return batches[-1]

    monkeypatch.setattr(InsideStage, "push", noted)
    clear, unclear = [ASK, NOTICE] * 3, [NOTICE] * 12
    # Of the last one nothing is known when it ends.
    talks = [[*upgrade(), *each, (SERVER, "ack")] for each in (clear, unclear, [NOTICE])]
    heard(talks, cuts)
    numbers = {}
    for batch in batches:
        rows = batch.messages
        assert len(rows) == len(batch.says.codes)
        assert len(batch.previews) in (0, len(rows))
        for at, row in enumerate(rows):
            assert row["time_last"] != NULL
            assert batch.previews[at] in (ASKED, TOLD)
            numbers.setdefault(int(row["direction"]), []).append(int(row["message"]))
    each = sorted(len(found) for found in numbers.values())
    assert each == [1, 3, 3, 12]
    assert all(found == sorted(set(found)) for found in numbers.values())
    assert {number: inner for batch in batches for number, inner in batch.inner.items()} == {
        0: "json-rpc",
        1: None,
        2: None,
    }
