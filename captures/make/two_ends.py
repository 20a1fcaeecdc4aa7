"""One conversation captured at both of its ends, for `wsanalyze compare CLIENT SERVER`.

An echo server and its client in two network namespaces (namespaces.py), 15 ms apart each way by the
forwarder of netns.py, which drops packets between the two points of capture. Both points have
the clock of one machine: tests shift the time stamps of one by what they like.

    python captures/make/two_ends.py
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import recording
from asked import asked
from namespaces import PORT
from netns import ADDRESS_B, A, B, forwarded, inside

DELAY_S = 0.015
NAMES = {A: "ends-client.pcap", B: "ends-server.pcap"}


def record(folder: Path) -> list[recording.Event]:
    """Record both captures into a folder; return what the programs did."""
    run = [sys.executable, str(Path(__file__).with_name("namespaces.py"))]
    with forwarded(delay=DELAY_S, loss=0.06, seed=5):
        server = subprocess.Popen([*inside(B), *run, "serve", ADDRESS_B])
        time.sleep(2)
        pattern = f"tcp port {PORT}"
        at_a, at_b = (
            {"interface": "tun0", "pattern": pattern, "prefix": inside(n)} for n in (A, B)
        )
        try:
            with (
                recording.capture(folder / NAMES[A], **at_a),  # type: ignore[arg-type]
                recording.capture(folder / NAMES[B], **at_b),  # type: ignore[arg-type]
            ):
                talk = [*inside(A), *run, "talk", ADDRESS_B, "30", "900", "none"]
                done = subprocess.run(talk, stdout=subprocess.PIPE, check=True, timeout=90)
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    asked(__doc__)
    programs = [
        *recording.python_versions("websockets"),
        recording.program_version("tcpdump", "--version"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        events = record(Path(folder))
        for namespace, name in NAMES.items():
            end = "client" if namespace == A else "server"
            recording.publish(
                Path(folder) / name,
                name,
                description=f"one conversation at its {end}'s end; 15 ms each way, with loss",
                generator="two_ends.py",
                programs=programs,
                events=events,
                more={"path": {"source": "the forwarder", "one_way_s": DELAY_S, "offset_s": 0.0}},
            )


if __name__ == "__main__":
    main()
