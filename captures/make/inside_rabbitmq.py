"""Captures of STOMP 1.0, 1.1 and 1.2: @stomp/stompjs with RabbitMQ's web-stomp."""

from __future__ import annotations

import tempfile
from pathlib import Path

import rabbitmq
import recording
from asked import asked

SCRIPT = Path(__file__).parent / "inside" / "stomp.js"


def main() -> None:
    asked(__doc__)
    recording.isolate()
    modules = recording.node_modules("@stomp/stompjs", "ws")
    package = recording.program_version("dpkg-query", "-Wf", "${Version}", "rabbitmq-server")
    with rabbitmq.rabbitmq(), tempfile.TemporaryDirectory() as folder:
        for version in ("1.0", "1.1", "1.2"):
            path = Path(folder) / f"stomp-rabbitmq-{version.replace('.', '')}.pcap"
            with recording.capture(path, pattern=f"tcp port {rabbitmq.PORT}"):
                events = recording.run_node(SCRIPT, modules, version, rabbitmq.URL)
            recording.publish(
                path,
                path.name,
                description=f"STOMP {version}: a room of three, receipts, requests by reply-to,"
                " a transaction, an ERROR, heart-beats",
                generator="inside_rabbitmq.py",
                programs=[
                    "node " + recording.program_version("node", "-v"),
                    recording.npm_version(modules, "@stomp/stompjs"),
                    recording.npm_version(modules, "ws"),
                    f"rabbitmq-server {package}",
                ],
                events=events,
            )


if __name__ == "__main__":
    main()
