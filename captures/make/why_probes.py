"""Recordings of why.py in which TCP sends again what arrives all the same: no packet is lost.

A path that stands still for a while, as a radio link does when its host roams, makes the sender
probe the tail of what it sent (RFC 8985 7.3) and then send again (RFC 6298 5); afterwards all
copies come. The receiver says of each one too many that it had those bytes (RFC 2883).
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from pathlib import Path

import netns
from why_programs import BACK, answer_upgrade, ask_upgrade, frame, recorded_apart, scenario

WAY_S, HALT_S = 0.005, 0.55
ROUNDS = 40


def serve() -> None:
    """Send news, two messages of one write each, to whoever asked for them."""
    listener = socket.create_server((netns.ADDRESS_B, BACK))
    end, _ = listener.accept()
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    answer_upgrade(end)
    for number in range(ROUNDS):
        end.sendall(frame(b"the first of round %d" % number))
        end.sendall(frame(b"the second of round %d" % number))
        time.sleep(0.1)
    end.close()


def listen() -> None:
    """Ask for the news and read them."""
    end = socket.create_connection((netns.ADDRESS_B, BACK))
    ask_upgrade(end)
    while end.recv(4096):
        pass
    end.close()


@scenario("why-path-halts.pcap", [], sent=2 * ROUNDS, halt_s=HALT_S)
def path_halts(path: Path) -> None:
    """Control: a path that stands still now and then and loses nothing; much is sent again"""
    side = [sys.executable, str(Path(__file__))]
    recorded_apart(path, [*side, "serve"], [*side, "listen"], delay=WAY_S, halt=HALT_S)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="One of the two programs; why.py records them.")
    parser.add_argument("which", choices=("serve", "listen"))
    serve() if parser.parse_args().which == "serve" else listen()
