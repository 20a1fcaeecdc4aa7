"""All inner protocols, in the order in which they are tried.

A protocol is one file and one line here. Knows their names alone. Used by inside.recognition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analyzer.inside import engine_io, json_rpc, mqtt, stomp
from analyzer.inside.item import Protocol

PROTOCOLS: Final[Sequence[Protocol]] = (
    engine_io.BY_PATH,
    engine_io.PROTOCOL,
    stomp.PROTOCOL,
    mqtt.PROTOCOL,
    json_rpc.PROTOCOL,
)
"""What is clearest comes first."""

GENERIC: Final[Protocol | None] = None
"""What reads any JSON, where nothing better fits."""
