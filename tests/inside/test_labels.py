"""Labels: numbered once, bounded, and columns made of them."""

import numpy as np

from analyzer.columns import NULL
from analyzer.inside.labels import ANSWERS, ASKS, NOTHING, Detail, Label, Labels, Plain, Says


def test_each_label_has_one_number():
    labels = Labels(10)
    first = labels.number(Label("a", "event", "x"))
    assert labels.number(Label("a", "event", "y")) == first + 1
    assert labels.number(Label("a", "event", "x")) == first
    assert labels.number(NOTHING) == 0


def test_there_is_room_for_so_many():
    labels = Labels(2)
    numbers = [labels.number(Label("a", "event", str(each))) for each in range(4)]
    assert numbers == [1, 2, -1, -1]
    assert labels.full
    assert labels.number(Label("a"), force=True) == 3


def test_columns():
    labels = Labels(10)
    code = labels.number(Label("mqtt", "PUBLISH", "t", "t"))
    part = labels.number(Label("mqtt"))
    other = Label("mqtt", "PUBLISH", "far", "far")
    details = {1: Detail("7", None, 2, 5_000), 3: Detail(None, "8", 1, NULL, other)}
    says = Says(np.array([0, code, part, part], np.int32), details, labels)
    assert says.column("name") == [None, "t", None, "far"]
    assert says.column("inner") == [None, "mqtt", "mqtt", "mqtt"]
    assert says.texts("id") == [None, "7", None, None]
    assert says.texts("reply_to") == [None, None, None, "8"]
    # Nothing is known of the first; in the third nothing begins.
    assert says.items().tolist() == [NULL, 2, 0, 1]
    assert says.reply_ns().tolist() == [NULL, 5_000, NULL, NULL]


def test_one_cell_is_that_of_its_column():
    labels = Labels(10)
    code = labels.number(Label("mqtt", "PUBLISH", "t", "t"))
    details = {1: Detail("7", None, 2), 3: Detail(None, "8", 1, NULL, Label("mqtt", "x", "far"))}
    flags = np.array([ASKS, 0, ANSWERS, ASKS], np.int8)
    plain = Plain(flags, np.array([5, 6, 7, 8]), np.zeros(4, np.int64))
    for quick in (None, plain):
        says = Says(np.array([0, code, code, code], np.int32), details, labels, quick)
        for name in Label._fields:
            assert [says.word(name, row) for row in range(4)] == says.column(name)
        for name in ("id", "reply_to"):
            assert [says.text(name, row) for row in range(4)] == says.texts(name)
