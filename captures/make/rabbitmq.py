"""Run RabbitMQ with its plugin web-stomp, for a scenario: URL is where it listens."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PORT = 15674
URL = f"ws://127.0.0.1:{PORT}/ws"
CONF = f"""listeners.tcp.1 = 127.0.0.1:5699
web_stomp.tcp.port = {PORT}
web_stomp.tcp.ip = 127.0.0.1
"""
START = 60.0
"""Seconds that the broker may take to listen."""


def listening() -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1):
        return True
    return False


@contextlib.contextmanager
def rabbitmq() -> Iterator[None]:
    """Start the broker as its own user, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "rabbitmq.conf").write_text(CONF)
        (folder / "plugins").write_text("[rabbitmq_web_stomp].\n")
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, "rabbitmq", "rabbitmq")
        settings = {
            "HOME": name,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "capture@localhost",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "logs"),
        }
        command = ["setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups"]
        command += ["/usr/lib/rabbitmq/bin/rabbitmq-server"]
        with (
            (folder / "said").open("wb") as said,
            subprocess.Popen(command, env={**os.environ, **settings}, stdout=said, stderr=said,
                             start_new_session=True) as process,
        ):  # fmt: skip
            try:
                until = time.monotonic() + START
                while not listening():
                    if time.monotonic() > until or process.poll() is not None:
                        raise RuntimeError((folder / "said").read_text())
                    time.sleep(0.5)
                yield
            finally:
                os.killpg(process.pid, 15)
