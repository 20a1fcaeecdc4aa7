"""Texts of a handshake as tables show them: without secrets, unless they are asked for.

Knows http's handshakes. Used by tables.timing and tables.ends, for each attempt and connection:
handshakes that are alike have the same texts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from analyzer.http.exchanges import Handshake
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options
from analyzer.tables.schema import OUTCOMES, SCHEMES
from analyzer.tables.secrets import hide, hide_subprotocols

_MOST: Final = 1024
"""Kinds of handshakes whose texts are remembered."""


class Texts(NamedTuple):
    """What a handshake said, in the words of its fields; labels as codes."""

    scheme: int
    http_version: str | None
    host: str | None
    path: str | None
    origin: str | None
    user_agent: str | None
    version: str | None
    outcome: int
    outcome_reason: str | None
    subprotocols_offered: str | None
    subprotocol: str | None
    extensions_offered: str | None
    extensions: str | None
    server: str | None


NO_TEXTS: Final = Texts._make([SCHEMES.index("ws"), *[None] * 6, -1, *[None] * 6])
"""Of a connection whose handshake was not captured."""


class Shown:
    """Makes the texts, and remembers those of handshakes that are alike.

    Args:
        options: whether secrets are shown.
    """

    def __init__(self, options: Options) -> None:
        self._secrets = options.show_secrets
        self._known: dict[int, Texts] = {}

    def of(self, detail: Handshake) -> Texts:
        """Return the texts of a handshake."""
        found = self._known.get(detail.alike)
        if found is None:
            found = self._made(detail)
            if detail.alike >= 0:
                if len(self._known) >= _MOST:
                    self._known.clear()
                self._known[detail.alike] = found
        return found

    def hidden(self, hide: Callable[[str], str], value: str | None) -> str | None:
        """Return a text without its secrets, unless they are asked for."""
        return value if value is None or self._secrets else hide(value)

    def _made(self, detail: Handshake) -> Texts:
        hidden = self.hidden
        offered = ", ".join(detail.subprotocols_offered) or None
        return Texts(
            SCHEMES.index(detail.scheme),
            detail.http_version,
            hidden(hide, detail.host),
            hidden(hide, detail.path),
            hidden(hide, detail.origin),
            hidden(hide, detail.user_agent),
            hidden(hide, detail.version),
            OUTCOMES.index(detail.outcome),
            hidden(hide_subprotocols, detail.outcome_reason),
            hidden(hide_subprotocols, offered),
            hidden(hide_subprotocols, detail.subprotocol),
            hidden(hide, detail.extensions_offered_text),
            hidden(hide, detail.extensions_text),
            hidden(hide, detail.server),
        )
