"""The Python API of two captures of the same connections: what lies between their two ends.

Knows analyses of two captures from outside. Must not know how paths are found (tables.paths).
Used by Python programs, as analyzer.paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from analyzer.analysis import StrPath, compared, several, to_frame
from analyzer.checking import options_of

if TYPE_CHECKING:
    import pandas as pd

    from analyzer.rows import OptionValues


def paths(
    client: StrPath | Sequence[StrPath],
    server: StrPath | Sequence[StrPath],
    *,
    where: str | None = None,
    **options: Unpack[OptionValues],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lay two captures of the same connections, made at their two ends, beside each other.

    Args:
        client: the capture of the client's end; as in compare().
        server: the capture of the server's end.
        where: keep only connections for which this holds, in both; see analyze().
        **options: fields of analyzer.Options.

    Returns:
        The tables `paths` (one-way times in us, messages lost, the clocks' offset) and
        `changes` (what is different at the two ends); empty where no connection is in both.

    Raises:
        CaptureError: One of the two cannot be read at all.
        OptionError: `where` cannot be evaluated, or both are standard input.
        TypeError: There is no such option.
    """
    made = compared(several(client), several(server), options_of(options), where=where)
    ways, changes = made.between_rows()
    return to_frame(ways), to_frame(changes)
