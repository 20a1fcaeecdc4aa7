"""Labels: what messages are called, each combination of words once.

A label is protocol, kind, name and topic; a message's row holds its number. So a million
messages of a few names cost a million numbers, and reports count them by number. Knows no
protocol. Used by inside.stage, and by tables for the columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple

Codes = npt.NDArray[np.int32]


class Label(NamedTuple):
    """What a message is called; None where nothing is known."""

    inner: str | None = None
    kind: str | None = None
    name: str | None = None
    topic: str | None = None


NOTHING: Final = Label()


class Detail(NamedTuple):
    """What one message has for itself.

    Attributes:
        id: by which it may be answered.
        reply_to: id of what it answers.
        items: how many it holds.
        reply_ns: from its request's first byte to its own last; NULL where it answers none.
        label: where there are too many to be numbered; else None.
    """

    id: str | None = None
    reply_to: str | None = None
    items: int = 1
    reply_ns: int = NULL
    label: Label | None = None


class Labels:
    """All labels of a run, numbered from 1; 0 is NOTHING.

    Attributes:
        known: by number.
        full: there were more than `most`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._numbers: dict[Label, int] = {NOTHING: 0}
        self.known: list[Label] = [NOTHING]
        self.full = False

    def number(self, label: Label, *, force: bool = False) -> int:
        """Return a label's number; -1 where there is no room for another, unless forced."""
        number = self._numbers.get(label, -1)
        if number < 0:
            if len(self.known) > self._most and not force:
                self.full = True
                return -1
            number = self._numbers[label] = len(self.known)
            self.known.append(label)
        return number


ASKS: Final = 1
ANSWERS: Final = 2
_FLAGS: Final = {"id": ASKS, "reply_to": ANSWERS}


@dataclass(frozen=True, slots=True)
class Plain:
    """What rows that took the fast path have of their own, besides their labels.

    Attributes:
        flags: int8: ASKS, ANSWERS, or 0: nothing.
        ids: int64: of the call.
        replies: int64: ns from its request to its answer; NULL where that is not known.
    """

    flags: npt.NDArray[np.int8]
    ids: npt.NDArray[np.int64]
    replies: npt.NDArray[np.int64]

    def behind(self, count: int) -> Plain:
        """Return it with so many empty rows before it."""
        more = np.zeros(count, np.int64)
        return Plain(
            np.concatenate([more.astype(np.int8), self.flags]),
            np.concatenate([more, self.ids]),
            np.concatenate([more, self.replies]),
        )

    def some(self, index: npt.NDArray[np.int64]) -> Plain:
        """Return those of some rows."""
        return Plain(self.flags[index], self.ids[index], self.replies[index])


@dataclass(slots=True)
class Says:
    """What message rows say.

    Attributes:
        codes: label of each row.
        details: by row, where there is more than its label.
        labels: the run's.
        plain: the same as details, of rows that went the quick way.
    """

    codes: Codes = field(default_factory=lambda: np.zeros(0, np.int32))
    details: Mapping[int, Detail] = field(default_factory=dict)
    labels: Labels = field(default_factory=lambda: Labels(0))
    plain: Plain | None = None

    def words(self, name: str) -> list[str | None]:
        """Return the words of a column of Label, by number of the label."""
        place = Label._fields.index(name)
        return [label[place] for label in self.labels.known]

    def some(self, places: Sequence[int]) -> Says:
        """Return what some rows say."""
        index = np.asarray(places, np.int64)
        get = self.details.get
        details = {at: found for at, row in enumerate(places) if (found := get(row)) is not None}
        plain = None if self.plain is None else self.plain.some(index)
        return Says(self.codes[index], details, self.labels, plain)

    def column(self, name: str) -> list[str | None]:
        """Return a column of Label."""
        place = Label._fields.index(name)
        known = self.labels.known
        if len(known) > len(self.codes):  # a small batch of a run with many names
            values = [known[code][place] for code in self.codes.tolist()]
        else:
            words = self.words(name)
            values = [words[code] for code in self.codes.tolist()]
        for row, detail in self.details.items():
            if detail.label is not None:
                values[row] = detail.label[place]
        return values

    def has_texts(self, name: str) -> bool:
        """Return whether the column id or reply_to has any text."""
        if self.plain is not None and (self.plain.flags == _FLAGS[name]).any():
            return True
        return any(getattr(detail, name) is not None for detail in self.details.values())

    def texts(self, name: str) -> list[str | None]:
        """Return the column id or reply_to."""
        values: list[str | None] = [None] * len(self.codes)
        if self.plain is not None:
            wanted = np.flatnonzero(self.plain.flags == _FLAGS[name])
            ids = self.plain.ids[wanted].tolist()
            for row, number in zip(wanted.tolist(), ids, strict=True):
                values[row] = str(number)
        for row, detail in self.details.items():
            values[row] = detail.id if name == "id" else detail.reply_to
        return values

    def word(self, name: str, row: int) -> str | None:
        """Return one cell of `column`, without making the others."""
        detail = self.details.get(row)
        label = detail.label if detail is not None else None
        if label is None:
            label = self.labels.known[self.codes[row]]
        return label[Label._fields.index(name)]

    def text(self, name: str, row: int) -> str | None:
        """Return one cell of `texts`, without making the others."""
        detail = self.details.get(row)
        if detail is not None:
            return detail.id if name == "id" else detail.reply_to
        if self.plain is None or self.plain.flags[row] != _FLAGS[name]:
            return None
        return str(int(self.plain.ids[row]))

    def items(self) -> npt.NDArray[np.int64]:
        """Return how many items each message holds; NULL where that is not known."""
        labels, places = self.labels.known, self.codes
        if len(labels) > len(places):  # as above
            used, at = np.unique(places, return_inverse=True)
            labels, places = [labels[code] for code in used.tolist()], at.astype(np.int32)
        usual = [NULL if label.inner is None else int(label.kind is not None) for label in labels]
        values = np.array(usual, np.int64)[places]
        for row, detail in self.details.items():
            values[row] = detail.items
        return values

    def replies(self) -> npt.NDArray[np.uint8]:
        """Return 1 for each message that answers another one by its id, else 0."""
        values = np.zeros(len(self.codes), np.uint8)
        if self.plain is not None:
            values[self.plain.flags == ANSWERS] = 1
        for row, detail in self.details.items():
            values[row] = detail.reply_to is not None
        return values

    def reply_ns(self) -> npt.NDArray[np.int64]:
        """Return the time of the call that each message answers; NULL where it answers none."""
        values = np.full(len(self.codes), NULL, np.int64)
        if self.plain is not None:
            answers = self.plain.flags == ANSWERS
            values[answers] = self.plain.replies[answers]
        for row, detail in self.details.items():
            values[row] = detail.reply_ns
        return values


def take_codes(
    codes: Codes, known: dict[int, Detail], places: npt.NDArray[np.int32]
) -> tuple[Codes, dict[int, Detail]]:
    """Return labels and details of rows that leave, and forget what their places held.

    Args:
        codes: label of each place; one less than zero, negated, where there is a detail too.
        known: details by place.
        places: of the rows.
    """
    if not len(codes) or not len(places):
        return np.zeros(len(places), np.int32), {}
    taken = codes.take(places)
    codes[places] = 0
    detailed = np.flatnonzero(taken < 0)
    if not len(detailed):
        return taken, {}
    taken[detailed] = -taken[detailed] - 1
    chosen = zip(detailed.tolist(), places.take(detailed).tolist(), strict=True)
    return taken, {at: known.pop(place) for at, place in chosen}


def codes_at(
    codes: Codes, known: Mapping[int, Detail], places: Sequence[int]
) -> tuple[Codes, dict[int, Detail]]:
    """Return the same of rows that have not left, as far as it is known."""
    found, details = np.zeros(len(places), np.int32), dict[int, Detail]()
    for at, place in enumerate(places):
        code = int(codes[place]) if place < len(codes) else 0
        if code < 0:
            details[at] = known[place]
            code = -code - 1
        found[at] = code
    return found, details
