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
_SUMMED: Final = ("application_bytes", "wire_bytes", "packets")
GZIP, DEFLATE = map(CODINGS.index, ("gzip", "permessage-deflate"))


def append_gzip(
    columns: dict[str, list[Any]],
    gzip: Mapping[str, Floats],
    ours: Mapping[str, Floats],
    coding: int = GZIP,
) -> None:
    """Append the gzip_ columns of one transport; null where they say nothing.

    Args:
        columns: values by name, one array for each transport so far.
        gzip: bytes with bodies in gzip, of connections; empty where there are no bodies.
        ours: what WebSocket takes; of sessions one that compresses.
        coding: place in CODINGS.
    """
    count = len(ours["wire_bytes"])
    unknown = np.full(count, np.nan)
    known = np.isfinite(gzip.get("wire_bytes", unknown))
    columns["content_encoding"].append(np.where(known, coding, -1).astype(np.int8))
    for name in _SUMMED:
        size = np.where(known, gzip.get(name, unknown), 0)
        rounded = np.rint(np.clip(size, 0, _MOST)).astype(np.int64)
        columns[f"gzip_{name}"].append(np.where(known, rounded, NULL))
    for name in _NAMES:
        size, whole = gzip.get(f"{name}_bytes", unknown), ours[f"{name}_bytes"]
        ratio = np.where(whole > 0, size / np.where(whole > 0, whole, 1), np.nan)
        columns[f"gzip_ratio_{name}"].append(ratio)
    columns["gzip_error_bytes"].append(gzip.get("error", unknown))


class GzipSum:
    """What bodies in gzip cost a transport in total; those of which nothing is known stay plain."""

    def __init__(self) -> None:
        self._sums = dict.fromkeys(_SUMMED, 0.0)
        self._ours = dict.fromkeys(_NAMES, 0.0)
        self._error = 0.0
        self._known = False

    def add(
        self,
        gzip: Mapping[str, Floats],
        plain: Mapping[str, Floats],
        ours: Mapping[str, Floats],
    ) -> None:
        """Add connections.

        Args:
            gzip: bytes with bodies in gzip, nan where not known; empty where there are none.
            plain: bytes without.
            ours: what WebSocket takes; of sessions one that compresses.
        """
        for name in _NAMES:
            self._ours[name] += float(np.maximum(ours[f"{name}_bytes"], 0).sum())
        for name in _SUMMED:
            size = plain[name]
            coded = gzip.get(name, np.full(len(size), np.nan))
            known = np.isfinite(coded)
            self._known |= bool(known.any())
            self._sums[name] += float(np.where(known, coded, np.maximum(size, 0)).sum())
        # Samples of several connections may all mislead the same way.
        self._error += float(np.nansum(gzip.get("error", np.zeros(0))))

    def columns(self, coding: int) -> dict[str, int | float]:
        """Return the cells of the total.

        Args:
            coding: place in CODINGS.
        """
        out: dict[str, int | float] = {
            "content_encoding": coding if self._known else -1,
            "gzip_error_bytes": self._error if self._known else float("nan"),
        }
        for name in _SUMMED:
            out[f"gzip_{name}"] = min(round(self._sums[name]), _MOST) if self._known else NULL
        for name in _NAMES:
            size, whole = self._sums[f"{name}_bytes"], self._ours[name]
            ratio = size / whole if self._known and whole else float("nan")
            out[f"gzip_ratio_{name}"] = ratio
        return out
