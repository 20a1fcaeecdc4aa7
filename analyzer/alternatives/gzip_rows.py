"""The columns of what bodies in gzip cost, of connections and of totals.

Knows the columns' names. Must not know how payload was deflated (alternatives.sampling). Used by
alternatives.rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from analyzer.alternatives.lanes import Floats
from analyzer.columns import NULL
from analyzer.tables.schema import CODINGS

_MOST: Final = 2**62  # of a column's value
_NAMES: Final = ("application", "wire")
_GZIP: Final = CODINGS.index("gzip")


def append_gzip(
    columns: dict[str, list[Any]], gzip: Mapping[str, Floats], ours: Mapping[str, Floats]
) -> None:
    """Append the gzip_ columns of one transport; null where they say nothing.

    Args:
        columns: values by name, one array for each transport so far.
        gzip: bytes with bodies in gzip, of connections; empty where there are no bodies.
        ours: what WebSocket takes.
    """
    count = len(ours["wire_bytes"])
    unknown = np.full(count, np.nan)
    known = np.isfinite(gzip.get("wire_bytes", unknown))
    columns["content_encoding"].append(np.where(known, _GZIP, -1).astype(np.int8))
    for name in _NAMES:
        size, whole = gzip.get(f"{name}_bytes", unknown), ours[f"{name}_bytes"]
        rounded = np.rint(np.clip(np.where(known, size, 0), 0, _MOST)).astype(np.int64)
        columns[f"gzip_{name}_bytes"].append(np.where(known, rounded, NULL))
        ratio = np.where(whole > 0, size / np.where(whole > 0, whole, 1), np.nan)
        columns[f"gzip_ratio_{name}"].append(ratio)
    columns["gzip_error_bytes"].append(gzip.get("error", unknown))


class GzipSum:
    """What bodies in gzip cost a transport in total; those of which nothing is known stay plain."""

    def __init__(self) -> None:
        self._sums = dict.fromkeys(_NAMES, 0.0)
        self._error = 0.0
        self._known = False

    def add(self, gzip: Mapping[str, Floats], plain: Mapping[str, Floats]) -> None:
        """Add connections.

        Args:
            gzip: bytes with bodies in gzip, nan where not known; empty where there are none.
            plain: bytes without.
        """
        for name in _NAMES:
            size = plain[f"{name}_bytes"]
            coded = gzip.get(f"{name}_bytes", np.full(len(size), np.nan))
            known = np.isfinite(coded)
            self._known |= bool(known.any())
            self._sums[name] += float(np.where(known, coded, np.maximum(size, 0)).sum())
        # Samples of several connections may all mislead the same way.
        self._error += float(np.nansum(gzip.get("error", np.zeros(0))))

    def columns(self, ours: Mapping[str, float]) -> dict[str, int | float]:
        """Return the cells of the total.

        Args:
            ours: what WebSocket takes.
        """
        out: dict[str, int | float] = {
            "content_encoding": _GZIP if self._known else -1,
            "gzip_error_bytes": self._error if self._known else float("nan"),
        }
        for name in _NAMES:
            size, whole = self._sums[name], ours[f"{name}_bytes"]
            out[f"gzip_{name}_bytes"] = min(round(size), _MOST) if self._known else NULL
            ratio = size / whole if self._known and whole else float("nan")
            out[f"gzip_ratio_{name}"] = ratio
        return out
