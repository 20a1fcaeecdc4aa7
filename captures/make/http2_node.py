"""Capture of WebSocket over HTTP/2 (RFC 8441) within TLS: Chromium and a server of Node.

The server is Node's http2 with ws on its streams; Chromium writes the key log.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import http2_frames
import recording
from asked import asked
from tls_ends import certificate

PORT, NAME = 9448, "streams.example.test"


def main() -> None:
    asked(__doc__)
    recording.isolate()
    modules = recording.node_modules("ws@8", "playwright-core")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pem = certificate(folder, "ecdsa", NAME)
        path, keys = folder / "http2-chromium-node.pcap", folder / "http2-chromium-node.keys"
        arguments = (str(PORT), f"https://{NAME}:{PORT}", str(pem), str(keys))
        with recording.capture(path):
            script = Path(__file__).with_suffix(".js")
            logged = recording.run_node(script, modules, *arguments)
        events = [event for event in logged if "port" in event]
        frames = http2_frames.compare(path.name, path, recording.with_keys(keys), events)
        recording.publish(
            path,
            path.name,
            description="WebSocket over HTTP/2 (RFC 8441) in TLS 1.3: Chromium with Node's http2;"
            " streams at once, one compressed, closed, ended, reset and refused; plain requests",
            generator="http2_node.py",
            programs=[
                next(event["text"] for event in logged if event["event"] == "version"),
                "node " + recording.program_version("node", "-v"),
                recording.npm_version(modules, "ws"),
            ],
            events=events,
            more={"data_frames": frames},
            tshark_notes=http2_frames.NOTE,
            tshark_differs=True,
            keys=keys,
        )


if __name__ == "__main__":
    main()
