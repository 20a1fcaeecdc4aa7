"""Capture of HTTP/2 in clear: curl upgrades to h2c, or speaks HTTP/2 at once; no WebSocket."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

import recording
from asked import asked

NGINX, NGHTTPX = 9015, 9016
CONFIGURATION = """
daemon off; user root; pid %(folder)s/pid; error_log %(folder)s/error.log;
events { worker_connections 64; }
http {
  log_format exchange '$remote_port $request_method $uri $status $body_bytes_sent';
  access_log %(folder)s/access.log exchange;
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  server { listen 127.0.0.1:%(port)d; root %(folder)s/www; }
}
"""
# nginx knows no upgrade to h2c and answers the request as HTTP/1.1.
REQUESTS = (
    ("--http2", NGINX),
    ("--http2", NGHTTPX),
    ("--http2-prior-knowledge", NGHTTPX),
)


def answered(log: Path) -> list[recording.Event]:
    """The exchanges of nginx, those of nghttpx as its client among them."""
    keys = ("port", "method", "path", "status", "body_bytes")
    events = []
    for line in log.read_text().splitlines():
        row = [int(word) if word.isdigit() else word for word in line.split()]
        events.append({"who": "server", "event": "exchange", "kind": "plain"})
        events[-1].update(zip(keys, row, strict=True))
    return events


def fetch(option: str, port: int) -> list[recording.Event]:
    command = ["curl", "--silent", "--show-error", "--output", "/dev/null", option]
    command += ["--write-out", "%{json}", f"http://127.0.0.1:{port}/page.txt"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
    said = json.loads(done.stdout)
    event = {
        "port": said["local_port"],
        "who": "client",
        "event": "exchange",
        "method": said["method"],
        "path": "/page.txt",
        "status": said["response_code"],
        "kind": "plain",
        "body_bytes": said["size_download"],
    }
    if said["http_version"] != "2":
        return [event]
    over_http2 = {**event, "event": "http2-exchange"}
    if option == "--http2":
        return [{**event, "status": 101, "body_bytes": 0}, over_http2]
    return [over_http2]


def main() -> None:
    asked(__doc__)
    recording.isolate()
    with tempfile.TemporaryDirectory() as folder:
        www = Path(folder) / "www"
        www.mkdir()
        (www / "page.txt").write_text("a page of text\n" * 200)
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(CONFIGURATION % {"folder": folder, "port": NGINX})
        commands = (
            ["nginx", "-c", str(configuration), "-e", f"{folder}/start.log"],
            [
                "nghttpx",
                f"-f127.0.0.1,{NGHTTPX};no-tls",
                f"-b127.0.0.1,{NGINX}",
                "-n1",
                "--conf=/dev/null",
            ],
        )
        servers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for command in commands]
        time.sleep(0.7)
        path = Path(folder) / "http2-clear.pcap"
        try:
            with recording.capture(path):
                direct, taken, prior = [fetch(*request) for request in REQUESTS]
        finally:
            for server in servers:
                server.terminate()
                server.wait()
        # nginx logged the first as well; nghttpx keeps one connection to it for the others.
        seen = answered(Path(folder) / "access.log")
        assert [seen[0]["status"], len(seen)] == [direct[0]["status"], len(REQUESTS)]
        recording.publish(
            path,
            path.name,
            description="curl asks nginx and nghttpx (before nginx) for h2c (200 and 101), then"
            " speaks HTTP/2 with prior knowledge; no WebSocket",
            generator="http2_clear.py",
            programs=[
                recording.program_version("nginx", "-v").removeprefix("nginx version: "),
                recording.program_version("nghttpx", "--version"),
                " ".join(recording.program_version("curl", "--version").split()[:2]),
            ],
            events=[seen[0], *taken, *seen[1:], *prior],
            # The log knows of no accepted WebSocket, while tshark counts the 101 to h2c.
            tshark_differs=True,
        )


if __name__ == "__main__":
    main()
