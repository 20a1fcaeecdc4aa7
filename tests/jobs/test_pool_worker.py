"""The other end of the pool: a function by its name, until there are no more tasks."""

from __future__ import annotations

import io

import pytest

from analyzer.jobs import pool_worker, wire


def orders(*tasks: tuple[str, object]) -> io.BytesIO:
    file = io.BytesIO()
    packer = wire.Packer()
    for task in tasks:
        wire.write(file, packer.pack(task))
    file.seek(0)
    return file


def answers(file: io.BytesIO) -> list[object]:
    file.seek(0)
    unpacker = wire.Unpacker()
    found: list[object] = []
    while (packed := wire.read(file)) is not None:
        found.append(unpacker.unpack(packed))
    return found


def test_a_function_by_its_name() -> None:
    replies = io.BytesIO()
    pool_worker.serve(orders(("math:sqrt", 9), ("builtins:len", "abcd")), replies)
    assert answers(replies) == [3.0, 4]


def test_orders_that_are_cut() -> None:
    whole = orders(("math:sqrt", 9), ("math:sqrt", 16)).getvalue()
    replies = io.BytesIO()
    pool_worker.serve(io.BytesIO(whole[:-3]), replies)
    assert answers(replies) == [3.0]


def test_what_a_function_raises_ends_the_process() -> None:
    with pytest.raises(ValueError, match="math domain error"):
        pool_worker.serve(orders(("math:sqrt", -1)), io.BytesIO())
