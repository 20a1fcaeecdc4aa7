"""Rows of what messages say: columns of `messages`; `calls`, `topics`, `fanout`.

Knows what the inside stage found. Names and ids come from traffic: what looks like a secret in
them is hidden. Used by tables.build.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from analyzer.columns import NULL
from analyzer.inside._open_calls import DONE_COLUMNS
from analyzer.inside.calls import OK, DoneCall, PlainCalls
from analyzer.inside.fanout import Deliveries, Topic
from analyzer.inside.labels import Codes, Label, Says
from analyzer.options import Options
from analyzer.tables.schema import CALLS, FANOUT, TOPICS, TableRows, Values
from analyzer.tables.secrets import hide
from analyzer.tables.texts import LazyTexts, Texts
from analyzer.tables.timing import columns_of, turned


def shown(text: str | None, options: Options) -> str | None:
    """Return a name or an id as reports may have it: without tokens and passwords."""
    return text if text is None or options.show_secrets else hide(text)


class Words(LazyTexts):
    """A column of what messages are called, made when a report reads it.

    Attributes:
        says: from which it is made: counting does not need the words of each row.
    """

    def __init__(self, says: Says, name: str, options: Options) -> None:
        self.says = says
        self._name = name
        self._options = options

    def _lay(self) -> Texts:
        says, is_label = self.says, self._name in Label._fields
        few = len(says.labels.known) <= max(len(says.codes), 64)
        if is_label and few and not any(each.label is not None for each in says.details.values()):
            # Few words, many messages.
            words = [shown(word, self._options) for word in says.words(self._name)]
            return Texts.of(words).taken(says.codes.astype(np.int64))
        if not is_label and not says.has_texts(self._name):
            return Texts.nothing(len(says.codes))
        found = says.column(self._name) if is_label else says.texts(self._name)
        return Texts.of([shown(text, self._options) for text in found])

    def show(self, text: str | None) -> str | None:
        """Return a word of a label as the column has it."""
        return shown(text, self._options)

    def __len__(self) -> int:
        return len(self.says.codes)

    def __getitem__(self, index: Any) -> Any:
        if self._laid is None and isinstance(index, int) and 0 <= index < len(self):
            # Who looks at a few rows of many need not pay for the others.
            is_label = self._name in Label._fields
            cell = self.says.word if is_label else self.says.text
            return shown(cell(self._name, index), self._options)
        return self.laid()[index]

    def some(self, places: Sequence[int]) -> list[str | None]:
        """Return some cells (declare.Picks)."""
        says, is_label = self.says.some(places), self._name in Label._fields
        found = says.column(self._name) if is_label else says.texts(self._name)
        words = {text: shown(text, self._options) for text in set(found)}
        return [words[text] for text in found]


def message_columns(
    says: Says | None, count: int, options: Options
) -> dict[str, Callable[[], Values]]:
    """Return what makes the columns of `messages` on what they say."""
    if says is None:
        says = Says(np.zeros(count, np.int32))
    known: Says = says

    def words(name: str) -> Callable[[], Values]:
        column = Words(known, name, options)
        return lambda: column

    names = ("inner", "kind", "name", "id", "reply_to", "topic")
    makers: dict[str, Callable[[], Values]] = {name: words(name) for name in names}
    makers["inner_items"] = known.items
    makers["reply_us"] = known.reply_ns
    return makers


def call_rows(
    calls: Sequence[DoneCall], options: Options, plain: PlainCalls | None = None
) -> TableRows:
    """Return rows of `calls`, in the order in which they were over."""
    if plain is None or not len(plain.rows):
        cells = _cells(calls, options) if calls else []
        values = turned(CALLS.columns, cells) if calls else columns_of(CALLS.columns, [])
        return TableRows(CALLS, values, len(calls))
    cells = _plain_cells(plain, options)
    count = len(plain.rows)
    if calls:
        numbers = np.concatenate([plain.rows[:, 0], plain.others])
        order = np.argsort(numbers, kind="stable").tolist()
        both = (
            [*mine, *others] for mine, others in zip(cells, _cells(calls, options), strict=True)
        )
        cells = [[column[place] for place in order] for column in both]
        count += len(calls)
    return TableRows(CALLS, turned(CALLS.columns, cells), count)


def _cells(calls: Sequence[DoneCall], options: Options) -> list[Sequence[Any]]:
    """Return the columns of `calls`."""
    made = [done.call for done in calls]
    asked = [call.asked for call in made]
    answered = [call.answered for call in made]
    # Few names, many calls.
    names = {name: shown(name, options) for name in {call.name or call.kind for call in made}}
    return [
        [call.number for call in made],
        [done.connection for done in calls],
        [done.session for done in calls],
        [done.inner for done in calls],
        # Of a request without a name (STOMP's DISCONNECT) its kind.
        [names[call.name or call.kind] for call in made],
        [call.caller for call in made],
        [each.message for each in asked],
        [NULL if each is None else each.message for each in answered],
        [each.packet_first for each in asked],
        [NULL if each is None else each.packet_last for each in answered],
        [each.time_first for each in asked],
        [call.reply_ns for call in made],
        [call.outcome for call in made],
        [call.items for call in made],
    ]


def _plain_cells(plain: PlainCalls, options: Options) -> list[Sequence[Any]]:
    """Return the same of calls that went the quick way."""
    rows = dict(zip(DONE_COLUMNS, plain.rows.T, strict=True))
    labels = rows["label"].tolist()
    used = {number: plain.labels.known[number] for number in set(labels)}
    names = {number: shown(label.name or label.kind, options) for number, label in used.items()}
    zero = np.zeros(len(labels), np.int64)
    return [
        rows["number"],
        rows["connection"],
        zero + NULL,
        [used[number].inner for number in labels],
        [names[number] for number in labels],
        *(rows[name] for name in ("caller", "request", "reply", "request_packet")),
        *(rows[name] for name in ("reply_packet", "requested_at", "reply_ns")),
        zero + OK,
        zero,
    ]


def topic_rows(topics: Sequence[Topic], options: Options) -> TableRows:
    """Return rows of `topics`."""
    rows = [
        (
            topic.inner,
            shown(topic.topic, options),
            len(topic.publishers),
            len(topic.subscribers),
            topic.messages,
            topic.deliveries,
            topic.quantile(0.5),
            topic.quantile(0.95),
        )
        for topic in topics
    ]
    return TableRows(TOPICS, columns_of(TOPICS.columns, rows), len(rows))


def fanout_rows(deliveries: Deliveries, options: Options) -> TableRows:
    """Return rows of `fanout`."""
    numbers, *others = deliveries.rows.T
    topics = numbers.tolist()
    names = {number: shown(deliveries.topics[number], options) for number in set(topics)}
    cells = [[names[number] for number in topics], *others]
    return TableRows(FANOUT, turned(FANOUT.columns, cells), len(topics))


def codes_of(rows: TableRows) -> tuple[Codes, list[Label]]:
    """Return the label of each message row, and all labels; also of rows that were chosen."""
    column = rows.values["kind"]
    if isinstance(column, Words):
        return column.says.codes, column.says.labels.known
    names = ("inner", "kind", "name", "topic")
    numbers: dict[Label, int] = {}
    labels: list[Label] = []
    codes = np.zeros(rows.count, np.int32)
    texts: list[Any] = [rows.values[name] for name in names]
    for place, words in enumerate(zip(*texts, strict=True)):
        label = Label(*words)
        if label not in numbers:
            numbers[label] = len(labels)
            labels.append(label)
        codes[place] = numbers[label]
    return codes, labels
