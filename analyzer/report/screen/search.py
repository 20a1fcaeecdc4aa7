"""The small language of `/`: which lines of a list are wanted.

Words that all must occur, in any case; `!word` must not occur; `name:word` is looked for in one
column alone. Knows text. Used by the pages of the screen that are lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from analyzer.lazy_dataclass import dataclass

MAX_LENGTH: Final = 200
"""Characters that are taken: more than anybody types."""


@dataclass(frozen=True, slots=True)
class Term:
    """One word: where it is looked for ("": anywhere), and whether it must not occur."""

    word: str
    column: str = ""
    unwanted: bool = False


class Search:
    """What is looked for.

    Args:
        text: as typed.
        columns: names that may stand before a colon; with any other name, the colon belongs to
            the word.
    """

    def __init__(self, text: str = "", columns: frozenset[str] = frozenset()) -> None:
        self.text = text[:MAX_LENGTH]
        self.terms = [
            term for word in self.text.casefold().split() if (term := _term(word, columns)).word
        ]

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def words(self) -> list[str]:
        """The words that occur in what matches."""
        return [term.word for term in self.terms if not term.unwanted]

    def matches(self, values: Mapping[str, str]) -> bool:
        """Say whether a line with these columns is wanted."""
        if not self.terms:
            return True
        whole = "\n".join(values.values()).casefold()
        for term in self.terms:
            text = values.get(term.column, "").casefold() if term.column else whole
            if (term.word in text) == term.unwanted:
                return False
        return True


def _term(word: str, columns: frozenset[str]) -> Term:
    unwanted = word.startswith("!")
    word = word.removeprefix("!")
    column, colon, rest = word.partition(":")
    if colon and column in columns:
        return Term(rest, column, unwanted)
    return Term(word, "", unwanted)
