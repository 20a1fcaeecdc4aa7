"""The module that is made: it compiles, with null where columns may be null."""

from __future__ import annotations

import ast

from analyzer.tables.row_classes import ITERATED, source


def test_each_table_has_its_class() -> None:
    tree = ast.parse(source())
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    assert set(classes) == {*ITERATED, "OptionValues"}
    kinds = {
        node.target.id: ast.unparse(node.annotation)
        for node in classes["Message"].body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert kinds["connection"] == "int"
    assert kinds["reply_us"] == "float | None"
    assert kinds["payload"] == "bytes | None"
    assert kinds["direction"] == "str"
