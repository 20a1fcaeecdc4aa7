"""Log what Python programs under capture send and receive, in the events of recording."""

from __future__ import annotations

import random
from typing import Any

import recording

WORDS = [
    "temperature",
    "humidity",
    "pressure",
    "sensor",
    "Zürich",
    "Genève",
    "ok",
    "alarm",
    "21.5",
    "48",
    "1013",
    "°C",
]


def prose(randomness: random.Random, size: int) -> str:
    text = " ".join(randomness.choice(WORDS) for _ in range(size // 4 + 1))
    return text[:size]


class Log:
    """Events in the order in which they happened."""

    def __init__(self) -> None:
        self.events: list[recording.Event] = []

    def add(self, port: int, who: str, event: str, **more: Any) -> None:
        self.events.append({"port": port, "who": who, "event": event, **more})

    def data(self, port: int, who: str, event: str, payload: str | bytes) -> None:
        self.events.append(recording.message(who, event, port, payload))
