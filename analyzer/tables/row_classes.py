"""Writes analyzer/rows.py: a class for each table whose rows are iterated, and the options' types.

`python -m analyzer.tables.row_classes > analyzer/rows.py`. Knows the schema and Options.
"""

from __future__ import annotations

import sys
from typing import Final

from analyzer.options import Options
from analyzer.tables import schema
from analyzer.tables.declare import NEVER, Column, Table

ITERATED: Final = {"Message": schema.MESSAGES, "Call": schema.CALLS, "Handshake": schema.HANDSHAKES}
"""Class -> table."""

_TYPES: Final = {
    **{"int": "int", "bool": "bool", "text": "str", "enum": "str", "time": "int", "us": "float"},
    **{"seconds": "float", "ratio": "float", "key": "str", "payload": "bytes"},
}
_HEAD: Final = '''"""Rows of tables as Python values, and types of options: by tables.row_classes.

Times are nanoseconds since 1970 in UTC, durations what their names say; None is null.
"""

from __future__ import annotations

from os import PathLike
from typing import NamedTuple, TypedDict

from analyzer.options import OverlapPolicy, PayloadPolicy
'''


def source() -> str:
    """Return the text of analyzer/rows.py."""
    parts = [_HEAD, *(_row_class(name, table) for name, table in ITERATED.items()), _options()]
    return "\n\n".join(parts)


def _row_class(name: str, table: Table) -> str:
    sentence = table.text.partition(". ")[0].rstrip(".")
    lines = [f"class {name}(NamedTuple):", f'    """{sentence}."""', ""]
    lines += [f"    {column.name}: {_type(column)}" for column in table.columns]
    return "\n".join(lines) + "\n"


def _type(column: Column) -> str:
    return _TYPES[column.type] + ("" if column.null == NEVER else " | None")


def _options() -> str:
    lines = ["class OptionValues(TypedDict, total=False):", '    """The fields of Options."""', ""]
    lines += [f"    {name}: {kind}" for name, kind in Options.__annotations__.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(source())
