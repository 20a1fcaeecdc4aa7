"""Kinds: which messages of a connection supersede each other.

A protocol inside may name what a message is about; else messages of one type and about one size
are taken for states of the same thing, which is a guess. Knows labels and message rows. Must not
know transports. Used by alternatives.stage and sessions.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL, Rows
from analyzer.inside.labels import Label, Says

Ints = npt.NDArray[np.int64]

_CLASSES = 64


def kinds_by_size(sizes: Ints, opcodes: npt.NDArray[np.integer] | None = None) -> Ints:
    """Return kinds of messages that nothing names: negative, by opcode and size class.

    A class goes from a power of two to the next: a number with one more digit, or a longer name,
    rarely changes it.
    """
    classes = np.ceil(np.log2(np.maximum(sizes, 0) + 1.0)).astype(np.int64)
    if opcodes is not None:
        classes += _CLASSES * opcodes.astype(np.int64)
    return -1 - classes


class Kinds:
    """Kinds by the labels of a run."""

    def __init__(self) -> None:
        self._known: Ints = np.zeros(0, np.int64)

    def of(self, messages: Rows, says: Says | None) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Return the kind of each message, and whether a protocol names it.

        Args:
            messages: dtype MESSAGE.
            says: what each says; None: nothing is known.
        """
        sizes = messages["payload_bytes"]
        sizes = np.where(sizes == NULL, messages["transfer_bytes"], sizes)
        guessed = kinds_by_size(sizes, messages["opcode"])
        if says is None or not len(says.codes):
            return guessed, np.zeros(len(messages), bool)
        labels = says.labels.known
        if len(labels) > len(self._known):
            more = [_kind(label) for label in labels[len(self._known) :]]
            self._known = np.concatenate([self._known, np.array(more, np.int64)])
        kinds = self._known[says.codes]
        for row, detail in says.details.items():
            if detail.label is not None:
                kinds[row] = _kind(detail.label)
        named = kinds > 0
        return np.where(named, kinds, guessed), named


def _kind(label: Label) -> int:
    """Return a positive number for a label that names something, else 0."""
    if label.name is None and label.topic is None:
        return 0
    return 1 + zlib.crc32(repr(label).encode("utf-8", "surrogatepass"))
