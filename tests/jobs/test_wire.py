"""What goes between processes comes out as it was, and labels that grow go once."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from analyzer.columns import NULL
from analyzer.inside.labels import Label, Labels, Says
from analyzer.jobs import wire
from analyzer.options import Options
from analyzer.tables.build import message_rows
from analyzer.tables.declare import row_values
from analyzer.tables.lazy_columns import LazyColumns
from analyzer.tables.schema import FRAMES, MESSAGES, TableRows
from analyzer.websocket.frames import MESSAGE


def some_messages(labels: Labels, *codes: int) -> TableRows:
    rows = np.zeros(len(codes), MESSAGE)
    rows["message"] = np.arange(len(codes))
    rows["payload_bytes"] = 5
    rows["opcode"] = 1
    says = Says(np.array(codes, np.int32), labels=labels)
    return message_rows(rows, [b"hello"] * len(codes), Options(), final=True, says=says)


def all_cells(rows: TableRows) -> list[dict[str, object]]:
    return [row_values(rows, place) for place in range(rows.count)]


def test_messages_have_the_same_cells_though_labels_grow_between_them() -> None:
    labels = Labels(10)
    packer, unpacker = wire.Packer(), wire.Unpacker()
    first = labels.number(Label("sio", "event", "chat"))
    sent = [packer.pack(some_messages(labels, first, 0))]
    second = labels.number(Label("sio", "event", "typing"))
    sent.append(packer.pack(some_messages(labels, second, first)))
    made = [unpacker.unpack(packed) for packed in sent]
    assert [rows.table for rows in made] == [MESSAGES, MESSAGES]
    assert made[0].table is MESSAGES
    assert [row["name"] for rows in made for row in all_cells(rows)] == [
        *("chat", None),
        *("typing", "chat"),
    ]
    assert all_cells(made[1]) == all_cells(some_messages(labels, second, first))


def test_labels_that_were_sent_are_not_sent_again() -> None:
    labels = Labels(1000)
    for number in range(500):
        labels.number(Label("sio", "event", f"a name that is quite long {number}"))
    packer = wire.Packer()
    first, second = (len(packer.pack(some_messages(labels, 1))) for _ in range(2))
    assert first - second > 500 * len("a name that is quite long")


def test_messages_that_say_nothing_have_labels_of_their_own() -> None:
    packer, unpacker = wire.Packer(), wire.Unpacker()
    for _ in range(2):
        rows = unpacker.unpack(packer.pack(some_messages(Labels(0), 0)))
        assert all_cells(rows)[0]["inner"] is None


def test_columns_without_a_source_go_as_they_are() -> None:
    columns = LazyColumns({"frame": lambda: np.array([1, NULL])})
    made = wire.Unpacker().unpack(wire.Packer().pack(TableRows(FRAMES, columns, 2)))
    assert made.values["frame"].tolist() == [1, NULL]


def test_frames_of_bytes() -> None:
    file = io.BytesIO()
    wire.write(file, b"one")
    wire.write(file, b"")
    whole = file.getvalue()
    file.seek(0)
    assert [wire.read(file) for _ in range(3)] == [b"one", b"", None]
    # Whoever wrote it died in the middle.
    for size in range(len(b"one") + 8):
        assert wire.read(io.BytesIO(whole[:size])) is None


def test_other_objects_go_by_pickle() -> None:
    packed = wire.Packer().pack(("close", 0))
    assert pickle.loads(wire.pieces_of(packed)[0]) == ("close", 0)
    assert wire.Unpacker().unpack(packed) == ("close", 0)


def test_arrays_go_beside_the_objects_as_they_are_now() -> None:
    numbers = np.arange(1000)
    packed = wire.Packer().pack(("rows", numbers))
    assert len(packed) < numbers.nbytes + 1000
    numbers[:] = 0
    _, made = wire.Unpacker().unpack(packed)
    assert made.tolist() == list(range(1000))


@pytest.mark.parametrize("sizes", [(), (0,), (1, 0, 63), (64, 65, 8)])
def test_pieces_come_out_as_they_were_each_where_it_is_aligned(sizes: tuple[int, ...]) -> None:
    pieces = [bytes([at + 1]) * size for at, size in enumerate(sizes)]
    packed = b"".join(wire.laid(*pieces))
    made = wire.pieces_of(packed)
    assert made == pieces
    begin = np.frombuffer(packed, np.uint8).ctypes.data
    for piece in filter(len, made):
        at = np.frombuffer(piece, np.uint8).ctypes.data
        assert (at - begin) % wire.ALIGNED == 0
