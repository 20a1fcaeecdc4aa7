"""What the inside stage hands on.

Knows rows of messages and what they say. Must not know how that was found out. Made by
inside.stage.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.columns import Rows
from analyzer.findings import Finding
from analyzer.inside.calls import DoneCall, PlainCalls
from analyzer.inside.fanout import Deliveries, Topic
from analyzer.inside.labels import Says
from analyzer.lazy_dataclass import dataclass, field
from analyzer.websocket.stage import WebSocketBatch


@dataclass(slots=True)
class InsideBatch:
    """What the inside stage hands on.

    Attributes:
        websocket: the batch below.
        messages: dtype MESSAGE, rows that leave: those of the batch below, without what waits
            and with what waited.
        previews: of each; empty where none are kept.
        says: what each says.
        calls: that are over; plain_calls: those of the quick way.
        deliveries: of publications.
        topics: all, at the end of the capture.
        inner: protocol of each connection that ended, by its number.
        findings: oddities.
    """

    websocket: WebSocketBatch
    messages: Rows
    previews: Sequence[bytes | None]
    says: Says
    calls: list[DoneCall] = field(default_factory=list)
    plain_calls: PlainCalls | None = None
    deliveries: Deliveries | None = None
    topics: list[Topic] = field(default_factory=list)
    inner: dict[int, str | None] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
