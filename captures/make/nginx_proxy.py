"""Capture of a ws server behind nginx: both legs of each connection in one file."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import recording
from asked import asked

CONFIGURATION = """
daemon off; user root; pid %(folder)s/pid; error_log %(folder)s/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  server {
    listen 127.0.0.1:9007;
    location / { return 404; }
    location /feed/ {
      proxy_pass http://127.0.0.1:9008; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
      proxy_read_timeout 1s;
    }
  }
}
"""


def main() -> None:
    asked(__doc__)
    recording.isolate()
    modules = recording.node_modules("ws@8")
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(CONFIGURATION % {"folder": folder})
        nginx = subprocess.Popen(
            ["nginx", "-c", str(configuration), "-e", f"{folder}/start.log"],
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.7)
        path = Path(folder) / "nginx-proxy.pcapng"
        try:
            with recording.capture(path):
                events = recording.run_node(Path(__file__).with_suffix(".js"), modules)
        finally:
            os.kill(nginx.pid, signal.SIGTERM)
            nginx.wait()
        recording.publish(
            path,
            path.name,
            description="client to nginx and nginx to a ws server in one capture;"
            " nginx ends one idle connection after proxy_read_timeout",
            generator="nginx_proxy.py",
            programs=[
                recording.program_version("nginx", "-v").removeprefix("nginx version: "),
                recording.npm_version(modules, "ws"),
            ],
            events=events,
        )


if __name__ == "__main__":
    main()
