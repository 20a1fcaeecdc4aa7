"""Columns are made once, and when they are read."""

from analyzer.columns import NULL
from analyzer.tables.lazy_columns import LazyColumns


def test_columns_are_made_once_and_when_read():
    made = []

    def maker():
        made.append(1)
        return [NULL]

    columns = LazyColumns({"one": maker, "two": lambda: [2]})
    assert (list(columns), len(columns), made) == (["one", "two"], 2, [])
    assert columns["one"] is columns["one"]
    assert made == [1]
