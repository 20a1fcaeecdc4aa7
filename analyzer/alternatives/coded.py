"""Coded answers: what samples of payload say of all answers of a connection.

Knows samples and lanes. Must not know headers or packets. Used by alternatives.costs and rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives.lanes import Answers, Floats
from analyzer.alternatives.sampling import SAMPLE, SINGLE, Samples
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple

CODING_FIELD: Final = float(len("Content-Encoding: gzip\r\n"))
CODING_H2: Final = 2.0
"""The same in HPACK once it is in the table: an index (RFC 7541 6.1) of one or two bytes."""
_Z: Final = 1.96
"""Standard deviations that hold 95 % of a normal distribution."""


class Coded(NamedTuple):
    """Answers with bodies in gzip; arrays have one element for each connection.

    Attributes:
        answers: as they are sent.
        share: of them that are in gzip: what only grows is sent plain.
        error: bytes by which they may be off in total, in 95 of 100 cases: only a sample of the
            payload was deflated.
    """

    answers: Answers
    share: Floats
    error: Floats


@dataclass(slots=True)
class Coding:
    """Samples of connections; those without any take what all others together gave.

    Attributes:
        samples: SAMPLE rows, shape (connections, ways).
        pool: SAMPLE rows, one for each way: the sum over connections that were looked at.
        accepted: bool: the client takes gzip.
        own: bool: some of the connection's own payload was looked at.
        known: bool: there is a sample to go by, and the client takes gzip.
    """

    samples: Samples
    pool: Samples
    accepted: npt.NDArray[np.bool_]
    own: npt.NDArray[np.bool_] = field(init=False)
    known: npt.NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.own = np.asarray(self.samples["answers"].any(axis=1), bool)
        self.samples = np.where(self.own[:, None], self.samples, self.pool[None, :])
        sampled: npt.NDArray[np.bool_] = np.asarray(self.samples["answers"][:, SINGLE] > 0)
        self.known = self.accepted & sampled

    def is_sampled(self, needed: Mapping[int, npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_]:
        """Return where there is a sample for all that is needed.

        Args:
            needed: by way, where something goes that way.
        """
        out = np.zeros(len(self.samples), bool)
        for is_needed in needed.values():
            out |= is_needed
        for way, is_needed in needed.items():
            out &= ~is_needed | (self.samples["answers"][:, way] > 0)
        return out

    def answers(self, way: int, brought: Answers, extra: Floats) -> Coded:
        """Return answers with bodies in gzip.

        Args:
            way: of the sample.
            brought: the same answers plain.
            extra: bytes that their bodies have besides a list's, in total; they shrink as the
                rest does.
        """
        rows = self.samples[:, way]
        plain = brought.payload_bytes + brought.messages + brought.answers + extra
        count = np.maximum(rows["answers"], 1)
        scale = brought.answers / count
        size = np.maximum(plain, 0) * _ratio(rows)
        coded = Answers(
            brought.answers,
            np.zeros(len(rows)),
            size,
            rows["full_segments"] * scale,
            rows["sizes"] * scale[:, None],
        )
        # What was deflated is known, not estimated; of others' payload nothing is.
        seen = np.where(self.own, rows["plain"] / np.maximum(plain, 1), 0.0)
        unseen = np.clip(1 - seen, 0.0, 1.0)
        error = np.where(
            (unseen > 0) & (size > 0), np.sqrt(unseen) * relative_error(rows) * size, 0.0
        )
        return Coded(coded, rows["in_gzip"] / count, error)


def _ratio(rows: Samples) -> Floats:
    ratio: Floats = rows["coded"] / np.maximum(rows["plain"], 1)
    return ratio


def pooled(samples: Samples) -> Samples:
    """Return the sum of SAMPLE rows over connections, one row for each way."""
    out = np.zeros(samples.shape[1], SAMPLE)
    for name in SAMPLE.names or ():
        out[name] = samples[name].sum(axis=0)
    return out


def relative_error(samples: Samples) -> Floats:
    """Return by which part a ratio may be off, in 95 of 100 cases.

    The standard error of a ratio of sums: what single answers differ from the common ratio by.

    Args:
        samples: SAMPLE rows.
    """
    n = np.maximum(samples["answers"].astype(np.float64), 1.0)
    ratio = _ratio(samples)
    residuals = (
        samples["coded_squares"]
        - 2 * ratio * samples["products"]
        + ratio**2 * samples["plain_squares"]
    )
    spread = np.sqrt(np.maximum(residuals, 0) * n / np.maximum(n - 1, 1))
    error: Floats = _Z * spread / np.maximum(samples["coded"], 1)
    # One answer alone says nothing of the others.
    return np.where(n > 1, error, np.nan)


def no_samples(count: int, ways: int) -> npt.NDArray[Any]:
    """Return SAMPLE rows of nothing, shape (count, ways)."""
    return np.zeros((count, ways), SAMPLE)
