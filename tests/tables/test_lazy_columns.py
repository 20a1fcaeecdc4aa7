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


def test_what_several_work_out_is_made_once() -> None:
    asked: list[str] = []
    columns = LazyColumns({"a": lambda: [1]})
    made = [columns.once("sum", lambda: asked.append("sum") or 3) for _ in range(2)]
    assert (made, asked) == ([3, 3], ["sum"])
    assert list(columns) == ["a"]
