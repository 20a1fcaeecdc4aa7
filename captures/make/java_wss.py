"""Capture of Java's own WebSocket client (java.net.http) over TLS, with a server of Node.

Java writes no key log; the server's does as well. Java is run from JavaWss.java.
"""

from __future__ import annotations

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
        pem = certificate(folder, "rsa", "localhost")
        path, keys = folder / "java-wss.pcap", folder / "java-wss.keys"
        script = Path(__file__).with_suffix(".js")
        with recording.capture(path):
            events = recording.run_node(script, modules, str(pem), str(keys))
        recording.publish(
            path,
            path.name,
            description="wss of java.net.http over TLS 1.3 and 1.2, and its plain HTTPS; the key"
            " log is the server's",
            generator="java_wss.py",
            programs=[
                recording.program_version("java", "-version").replace('"', ""),
                recording.npm_version(modules, "ws"),
                "node " + recording.program_version("node", "-v"),
            ],
            events=events,
            keys=keys,
        )


if __name__ == "__main__":
    main()
