"""Capture of the npm package ws over TLS: a server and clients of Node, with --tls-keylog.

The key log has each line twice, as both ends are in one process.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import recording
from asked import asked
from tls_ends import certificate


def main() -> None:
    asked(__doc__)
    recording.isolate()
    modules = recording.node_modules("ws@8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pem = certificate(folder, "rsa", "node.example.test")
        path, keys = folder / "npm-wss.pcap", folder / "npm-wss.keys"
        os.environ["NODE_OPTIONS"] = f"--tls-keylog={keys}"
        with recording.capture(path):
            events = recording.run_node(Path(__file__).with_suffix(".js"), modules, str(pem))
        recording.publish(
            path,
            path.name,
            description="wss of Node over TLS 1.3 and 1.2, each resumed once, compressed and not;"
            " FIN and RST without Close; plain HTTPS",
            generator="npm_wss.py",
            programs=[
                recording.npm_version(modules, "ws"),
                "node " + recording.program_version("node", "-v"),
            ],
            events=events,
            keys=keys,
        )


if __name__ == "__main__":
    main()
