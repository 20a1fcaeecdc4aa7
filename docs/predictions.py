"""Compares the model with real programs: `python docs/predictions.py` writes the tables.

One workload ran over five transports (captures/make/chat_transports.py). From the WebSocket
capture, with heads of the real exchanges, the model predicts each of the others; from each
of those, the WebSocket one. What is real comes from tshark (packets and bytes) and from the
programs' own log (requests, delays), not from wsanalyze. The tables go between the marks
of alternatives.md, and a test compares them with what this makes.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import analyzer

DOCS = Path(__file__).resolve().parent
CAPTURES = DOCS.parent / "captures"
PAGE = DOCS / "alternatives.md"
BEGIN, END = "<!-- predictions -->\n", "<!-- end of predictions -->\n"

WORKLOADS = {
    "chat": "the chat over loopback",
    "chat-delay": "the chat over a path of 40 ms",
    "feed": "held out: the feed over loopback",
    "feed-delay": "held out: the feed over a path of 40 ms",
    "board": "held out: a board in gzip over loopback",
    "board-delay": "held out: a board in gzip over a path of 40 ms",
    "calls": "calls over loopback",
    "calls-delay": "calls over a path of 40 ms",
    "calls-chromium": "calls from a page in Chromium over loopback",
    "calls-chromium-delay": "calls from a page in Chromium over a path of 40 ms",
    "gauges": "held out: gauges, of which the latest alone is polled, over loopback",
    "gauges-delay": "held out: gauges, of which the latest alone is polled, over a path of 40 ms",
    "presence": "unseen: presence over loopback",
    "presence-delay": "unseen: presence over a path of 40 ms",
    "lobby": "unseen: a lobby in Node over loopback",
    "lobby-delay": "unseen: a lobby in Node over a path of 40 ms",
    "lobby-gzip": "unseen: the lobby through an nginx that compresses, over loopback",
    "lobby-gzip-delay": "unseen: the lobby through an nginx that compresses, over a path of 40 ms",
    "engine-io": "a Socket.IO room over Engine.IO's long polling and WebSocket, over loopback",
    "engine-io-delay": "a Socket.IO room over Engine.IO's long polling and WebSocket, over a path"
    " of 40 ms",
}
TRANSPORTS = ("short-poll", "long-poll", "stream", "sse")
BUFFERED, BUFFER = "stream-buffered", (4096, float("inf"))
"""What went through nginx, and the buffer it has: until it is full or the stream closes."""
ALONE = "websocket alone"
"""From a WebSocket capture without any real exchange."""
ALONE_BYTES = 5.0
"""Percent by which application bytes may differ then."""
BARS = {"requests": 2.0, "application_bytes": 2.0, "packets": 10.0, "wire_bytes": 5.0}
"""Percent by which a prediction may differ."""
DELAY_PERCENT, DELAY_MS = 15.0, 5.0
"""A mean delay may differ by the one or the other."""
WORDS = {
    "requests": "requests",
    "application_bytes": "application bytes",
    "packets": "packets",
    "wire_bytes": "wire bytes",
}


@dataclass(frozen=True, slots=True)
class Prediction:
    """One figure of one capture: what was predicted, and what it really was.

    Attributes:
        workload: its name in WORKLOADS.
        source: transport of the capture from which it was predicted.
        target: transport that was predicted.
        figure: requests, application_bytes, packets, wire_bytes or delay_ms.
        predicted: by the model.
        real: by tshark or the programs' log.
    """

    workload: str
    source: str
    target: str
    figure: str
    predicted: float
    real: float

    @property
    def percent(self) -> float:
        """By how much the prediction is too high."""
        return 100 * (self.predicted / self.real - 1) if self.real else 0.0

    @property
    def met(self) -> bool:
        """Whether it is within its bar."""
        if self.figure == "delay_ms":
            within = abs(self.percent) <= DELAY_PERCENT
            return within or abs(self.predicted - self.real) <= DELAY_MS
        alone = self.source == ALONE and self.figure == "application_bytes"
        return abs(self.percent) <= (ALONE_BYTES if alone else BARS[self.figure])


@functools.cache
def real(name: str) -> dict[str, float]:
    """Return what a capture holds, by tshark; requests and mean delay by the log."""
    path = CAPTURES / f"{name}.pcap"
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.len", "-e", "tcp.len"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    manifest = json.loads((CAPTURES / "manifest.json").read_text(encoding="utf-8"))
    delivery: dict[str, Any] = manifest[path.name]["expected"]["delivery"]
    return {
        "packets": len(rows),
        "wire_bytes": sum(int(length) for length, _ in rows),
        "application_bytes": sum(int(payload) for _, payload in rows if payload),
        "requests": delivery["requests"],
        "latency_ms": delivery["mean_latency_ms"],
        "interval_s": delivery.get("interval_s", 1.0),
        "hold_s": delivery.get("hold_s", 30.0),
    }


@functools.cache
def total(files: tuple[str, ...], scope: str, interval_s: float, hold_s: float) -> dict[str, Any]:
    """Return the modelled total rows of captures, by transport."""
    analysis = analyzer.analyze(
        [CAPTURES / f"{name}.pcap" for name in files],
        poll_intervals_s=(interval_s,),
        long_poll_hold_s=hold_s,
        buffered=BUFFER,
    )
    rows = analysis.alternatives
    rows = rows[(rows.scope == scope) & (rows.source != "measured")]
    return {row["transport"]: row for row in rows.to_dict("records")}


def predictions(workload: str) -> Iterator[Prediction]:
    """Yield every figure that is compared, both ways where the model goes both ways."""
    if workload.startswith("calls"):
        yield from calls(workload)
    elif workload.startswith("gauges"):
        yield from one(workload, "short-poll", "short-poll-latest")
    elif workload.startswith("engine-io"):
        yield from one(workload, "polling", "long-poll")
        yield from back(workload, "polling", "long-poll")
    elif workload.startswith(("board", "lobby-gzip")):
        yield from in_gzip(workload)
    else:
        yield from transports(workload)


def calls(workload: str) -> Iterator[Prediction]:
    """Yield what is predicted of requests that only ask, and are answered."""
    ours, other = f"{workload}-websocket", f"{workload}-ajax"
    for files, scope, source, target, name in (
        ((ours, other), "connections", "websocket", "request", other),
        ((ours,), "connections", ALONE, "request", other),
        ((other,), "services", "request", "websocket", ours),
    ):
        row = total(files, scope, 1.0, 30.0)[target]
        for figure in BARS:
            yield Prediction(workload, source, target, figure, row[figure], real(name)[figure])


CODED = (
    ("requests", "requests"),
    ("application_bytes", "gzip_application_bytes"),
    ("packets", "gzip_packets"),
    ("wire_bytes", "gzip_wire_bytes"),
)
"""Figures, and the columns that have them with coding."""


def in_gzip(workload: str) -> Iterator[Prediction]:
    """Yield what is predicted of bodies in gzip and of a WebSocket with permessage-deflate."""
    ours = f"{workload}-websocket"
    recorded = [each for each in TRANSPORTS if (CAPTURES / f"{workload}-{each}.pcap").exists()]
    for transport in recorded:
        other = f"{workload}-{transport}"
        facts = real(other)
        settings = (facts["interval_s"], facts["hold_s"])
        row = total((ours, other), "connections", *settings)[transport]
        for figure, column in CODED:
            yield Prediction(workload, "websocket", transport, figure, row[column], facts[figure])
        later = facts["latency_ms"] - real(ours)["latency_ms"]
        late = row["added_latency_ms_mean"]
        yield Prediction(workload, "websocket", transport, "delay_ms", late, later)
    for transport in recorded:
        yield from back(workload, transport, transport, CODED)


PLAIN = tuple((figure, figure) for figure in BARS)


def transports(workload: str) -> Iterator[Prediction]:
    """Yield what is predicted of a chat or a feed over each transport."""
    buffered = (CAPTURES / f"{workload}-{BUFFERED}.pcap").exists()
    for transport in (*TRANSPORTS, *((BUFFERED,) if buffered else ())):
        yield from one(workload, transport, transport)
    for transport in TRANSPORTS:
        yield from back(workload, transport, transport)


def one(workload: str, name: str, transport: str) -> Iterator[Prediction]:
    """Yield what WebSocket's capture predicts of a transport; the other's is called `name`."""
    ours, other = f"{workload}-websocket", f"{workload}-{name}"
    facts = real(other)
    settings = (facts["interval_s"], facts["hold_s"])
    row = total((ours, other), "connections", *settings)[transport]
    for figure in BARS:
        yield Prediction(workload, "websocket", transport, figure, row[figure], facts[figure])
    later = facts["latency_ms"] - real(ours)["latency_ms"]
    late = row["added_latency_ms_mean"]
    yield Prediction(workload, "websocket", transport, "delay_ms", late, later)


def back(
    workload: str, name: str, transport: str, columns: Sequence[tuple[str, str]] = PLAIN
) -> Iterator[Prediction]:
    """Yield what the capture of another transport predicts of WebSocket."""
    facts = real(f"{workload}-websocket")
    row = total((f"{workload}-{name}",), "sessions", 1.0, 30.0)["websocket"]
    for figure, column in columns:
        yield Prediction(workload, transport, "websocket", figure, row[column], facts[figure])


def tables() -> str:
    """Return the Markdown between the marks."""
    out = []
    for workload, words in WORKLOADS.items():
        found = list(predictions(workload))
        out += [f"**{words[0].upper()}{words[1:]}**", ""]
        out += [
            "| from | to | figure | predicted | real | differs by | |",
            "|---|---|---|--:|--:|--:|---|",
        ]
        out += [_line(one) for one in found]
        met = sum(one.met for one in found)
        out += ["", f"{met} of {len(found)} within their bars.", ""]
    return "\n".join(out)


def _line(one: Prediction) -> str:
    if one.figure == "delay_ms":
        numbers = f"{one.predicted:.1f} ms | {one.real:.1f} ms | {one.predicted - one.real:+.1f} ms"
        words = "mean delay"
    else:
        numbers = f"{one.predicted:,.0f} | {one.real:,.0f} | {one.percent:+.1f} %"
        words = WORDS[one.figure]
    verdict = "" if one.met else "missed"
    return f"| {one.source} | {one.target} | {words} | {numbers} | {verdict} |"


def page(text: str) -> str:
    """Return the page with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{tables()}{END}{after}"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
