"""Captures of Chromium and curl with nginx, which ends TLS before a ws server of Node.

In one capture nginx offers HTTP/1.1 only, in the other HTTP/2 as well: Chromium then loads the
page over HTTP/2 and opens a connection of HTTP/1.1 for each WebSocket, as nginx knows no
extended CONNECT. Chromium and curl write the key logs (SSLKEYLOGFILE).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import recording
from asked import asked
from tls_ends import certificate

PORT, BACKEND, NAME = 9446, 9447, "chat.example.test"
CONFIGURATION = """
daemon off; user root; pid %(folder)s/pid; error_log %(folder)s/error.log;
events { worker_connections 64; }
http {
  log_format exchange '$remote_port $request_method $uri $status $body_bytes_sent $server_protocol';
  access_log %(folder)s/access.log exchange;
  types { text/html html; text/plain txt; }
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  server {
    listen 127.0.0.1:%(port)d ssl%(http2)s; root %(folder)s/www;
    ssl_certificate %(pem)s; ssl_certificate_key %(pem)s; ssl_protocols TLSv1.2 TLSv1.3;
    location = /favicon.ico { return 204; }
    location /rooms/ {
      proxy_pass http://127.0.0.1:%(backend)d; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
      proxy_set_header X-Client-Port $remote_port;
    }
  }
}
"""
PAGE = """<!doctype html><title>chat</title><script>
const room = new URLSearchParams(location.search).get('room');
window.socket = new WebSocket('wss://' + location.host + room);
function say(text) { window.socket.send(text); }
function sayBytes(size) { window.socket.send(new Uint8Array(size).map((_, n) => n * 7)); }
</script><p>A page of chat.</p>
"""


@contextlib.contextmanager
def nginx(folder: Path, pem: Path, *, http2: bool) -> Iterator[Path]:
    """Run nginx with pages in a folder of its own; yields its log of exchanges."""
    www = folder / "www"
    www.mkdir(exist_ok=True)
    (www / "chat.html").write_text(PAGE)
    (www / "more.txt").write_text("more of the text\n" * 300)
    settings = {"folder": folder, "port": PORT, "backend": BACKEND, "pem": pem}
    settings["http2"] = " http2" if http2 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION % settings)
    (folder / "access.log").unlink(missing_ok=True)
    command = ["nginx", "-c", str(configuration), "-e", f"{folder}/start.log"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(0.7)
    try:
        yield folder / "access.log"
    finally:
        process.terminate()
        process.wait()


def exchanges(log: Path) -> list[recording.Event]:
    """The plain exchanges that nginx logged; those of WebSocket have the status 101."""
    events = []
    for line in log.read_text().splitlines():
        port, method, path, status, size, protocol = line.split()
        if status == "101":
            continue
        name = "http2-exchange" if protocol == "HTTP/2.0" else "exchange"
        event = {"port": int(port), "who": "server", "event": name, "method": method}
        event |= {"path": path, "status": int(status), "kind": "plain", "body_bytes": int(size)}
        events.append(event)
    return events


def browse(folder: Path, pem: Path, modules: Path, *, http2: bool) -> None:
    name = "chromium-nginx-http2" if http2 else "chromium-nginx"
    path, keys = folder / f"{name}.pcap", folder / f"{name}.keys"
    script = Path(__file__).with_suffix(".js")
    arguments = (f"https://{NAME}:{PORT}", str(keys), str(BACKEND))
    with nginx(folder, pem, http2=http2) as log:
        with recording.capture(path, pattern=f"tcp port {PORT}"):
            events = recording.run_node(script, modules, *arguments)
        events += exchanges(log)
    page = (
        "its page over HTTP/2, each WebSocket on a connection of HTTP/1.1"
        if http2
        else ("page and WebSocket over HTTP/1.1")
    )
    recording.publish(
        path,
        path.name,
        description=f"a chat in two tabs of Chromium over TLS 1.3 with nginx: {page}",
        generator="chromium_wss.py",
        programs=[
            next(event["text"] for event in events if event["event"] == "version"),
            recording.program_version("nginx", "-v").removeprefix("nginx version: "),
            recording.npm_version(modules, "ws"),
        ],
        events=[event for event in events if "port" in event],
        keys=keys,
    )


def fetch(folder: Path, pem: Path) -> None:
    """curl over TLS 1.3 and 1.2, HTTP/1.1 and HTTP/2; no WebSocket."""
    path, keys = folder / "curl-https.pcap", folder / "curl-https.keys"
    urls = [f"https://{NAME}:{PORT}/{page}" for page in ("chat.html", "more.txt", "missing")]
    common = ["curl", "--silent", "--cacert", str(pem), "--resolve", f"{NAME}:{PORT}:127.0.0.1"]
    outputs = ["--output", "/dev/null"] * len(urls)
    with nginx(folder, pem, http2=True) as log:
        with recording.capture(path, pattern=f"tcp port {PORT}"):
            for options in (["--http1.1"], ["--http2"], ["--http1.1", "--tls-max", "1.2"],
                            ["--http2", "--tls-max", "1.2"]):  # fmt: skip
                environment = {**os.environ, "SSLKEYLOGFILE": str(keys)}
                subprocess.run([*common, *options, *outputs, *urls], check=True, env=environment)
        events = exchanges(log)
    recording.publish(
        path,
        path.name,
        description="curl over HTTPS: HTTP/1.1 and HTTP/2, each over TLS 1.3 and 1.2; no WebSocket",
        generator="chromium_wss.py",
        programs=[
            recording.program_version("nginx", "-v").removeprefix("nginx version: "),
            " ".join(recording.program_version("curl", "--version").split()[:2]),
        ],
        events=events,
        keys=keys,
    )


def main() -> None:
    asked(__doc__)
    recording.isolate()
    modules = recording.node_modules("ws@8", "playwright-core")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pem = certificate(folder, "ecdsa", NAME)
        browse(folder, pem, modules, http2=False)
        browse(folder, pem, modules, http2=True)
        fetch(folder, pem)


if __name__ == "__main__":
    main()
