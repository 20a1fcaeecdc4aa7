"""Write the reports of some captures into reports/, which the tests compare with.

    python captures/make/golden.py

Run it after a change that is meant to change results, and read the difference. For each
capture: the tables as CSV, and the report of the terminal at a width of 100 columns.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from pathlib import Path

from asked import asked
from rich.console import Console

from analyzer import pipeline
from analyzer.options import Options
from analyzer.report.csv import CsvWriter
from analyzer.report.terminal import render

CAPTURES = Path(__file__).resolve().parents[1]
REPORTS = CAPTURES.parent / "reports"
REPORT = "report.txt"
NAMES = (
    "bridge-any.pcap",
    "chat-delay-long-poll.pcap",
    "chat-delay-websocket.pcap",
    "faults/npm-ws-deflate-takeover-loss.pcap",
    "faults/npm-ws-deflate-takeover-mid-stream.pcap",
    "faults/npm-ws-deflate-takeover-snaplen-96.pcap",
    "handshakes.pcap",
    "http2-awkward.pcap",
    "lossy.pcap",
    "nginx-proxy.pcapng",
    "npm-ws-aborts.pcap",
    "npm-ws-basic.pcap",
    "npm-ws-closes.pcap",
    "npm-ws-deflate-takeover.pcap",
    "npm-ws-fragments.pcap",
    "npm-ws-pings.pcap",
    "python-aiohttp-plain-http.pcap",
    "python-aiohttp-refusals.pcap",
    "python-aiohttp-reused.pcap",
    "socket-io-room.pcap",
    "socket-io-upgrade.pcap",
    "sockjs-stomp-xhr-streaming.pcap",
    "sockjs-websocket.pcap",
    "spring-chat.pcap",
    "stomp-rabbitmq-12.pcap",
    "stomp.pcap",
    "python-websockets-keepalive.pcap",
    "tomcat-chat.pcap",
    "vxlan.pcap",
    # Its keys are inside.
    "wss-embedded-head.pcapng",
)


def folder_of(name: str) -> str:
    """The folder of a capture in reports/."""
    return Path(name).stem


def write(name: str, folder: Path) -> None:
    """Analyse a capture, named as seen from captures/, and write its folder."""
    with contextlib.chdir(CAPTURES):  # The report shows the path as it was given.
        summary = pipeline.run(name, Options(), [CsvWriter(folder)])
    text = io.StringIO()
    render(summary, Console(file=text, width=100, color_system=None, force_terminal=False))
    (folder / REPORT).write_text(text.getvalue(), encoding="utf-8")


def main() -> None:
    """Replace the folders of all captures."""
    asked(__doc__)
    for folder in REPORTS.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    for name in NAMES:
        write(name, REPORTS / folder_of(name))
        sys.stdout.write(f"reports/{folder_of(name)}\n")


if __name__ == "__main__":
    main()
