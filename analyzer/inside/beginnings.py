"""Conversations that began: of most nothing is said by which a protocol can be recognised.

For these there is no Talk, only a state by slot: tens of thousands of connections may begin at
once. Knows handshakes and what recognises protocols; must not know what is said. Used by
inside.stage.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from analyzer.http.exchanges import Handshake
from analyzer.inside._mute import Mute
from analyzer.inside.protocol import Setting
from analyzer.inside.sessions import recogniser_of, session_of, setting_of
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options

NEW, MUTE, TALKS, UNHEARD = range(4)
"""Nothing was said yet; nothing that needs a Talk; it has one; nothing is listened to any more."""

_MOST: Final = 1024
"""Kinds of handshakes whose beginnings are remembered."""


class Beginning(NamedTuple):
    """What is known of a conversation before its first message.

    Attributes:
        setting: for its decoder.
        mute: how Unclear tells mute messages, how many of them are looked at, and with heartbeats;
            None: it needs a Talk from the first message on.
    """

    setting: Setting
    mute: tuple[Mute, int, int] | None


class Beginnings:
    """Remembers those of handshakes that are alike, and where each conversation is."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._known: dict[int, Beginning] = {}
        self._states: npt.NDArray[np.uint8] = np.zeros(64, np.uint8)

    def of(self, handshake: Handshake | None) -> Beginning:
        """Return how a connection's conversation begins; None: its handshake was not captured."""
        alike = -1 if handshake is None else handshake.alike
        found = self._known.get(alike)
        if found is None:
            setting = setting_of(handshake, self._options)
            recogniser = recogniser_of(setting)
            is_plain = recogniser.named is None and session_of(setting.path) is None
            found = Beginning(setting, recogniser.mute if is_plain else None)
            if alike >= 0:
                if len(self._known) >= _MOST:
                    self._known.clear()
                self._known[alike] = found
        return found

    def new(self, slots: npt.NDArray[np.int64]) -> list[int]:
        """Return those of the slots of which nothing was said before."""
        most = int(slots.max(initial=-1)) + 1
        if most > len(self._states):
            more = np.full(max(most, 2 * len(self._states)), NEW, np.uint8)
            more[: len(self._states)] = self._states
            self._states = more
        # Not by numpy's unique, which imports a further part of numpy.
        found: list[int] = sorted(set(slots[self._states[slots] == NEW].tolist()))
        return found

    def __getitem__(self, slot: int) -> int:
        """Return the state of a slot that was among those of `new`."""
        return int(self._states[slot])

    def __setitem__(self, slot: int, state: int) -> None:
        self._states[slot] = state

    def end(self, slot: int) -> int:
        """Return the state of a slot, which is free now."""
        if slot >= len(self._states):
            return NEW
        state, self._states[slot] = int(self._states[slot]), NEW
        return state
