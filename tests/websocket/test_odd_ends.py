"""What each end reports of odd ends (RFC 6455 7.1.5), from captures made packet by packet."""

from __future__ import annotations

from pathlib import Path

import pytest
from conversation import ACK, CLOSE, FIN, RST, Conversation, frame

import analyzer


def reported(talk: Conversation, folder: Path) -> tuple[int | None, int | None]:
    """Return what the two ends report."""
    path = folder / "end.pcap"
    path.write_bytes(talk.pcap())
    (row,) = analyzer.analyze(path, alternatives=False).connections.to_dict("records")
    client, server = (row[name] for name in ("client_logs", "server_logs"))
    return client, server


Step = tuple[str, bytes, int]
"""Side, bytes, flags of a segment behind the handshake."""
GOING = frame(CLOSE, b"\x03\xe9")
END = ("client", b"", FIN | ACK), ("server", b"", FIN | ACK), ("client", b"", ACK)


@pytest.mark.parametrize(
    ("steps", "logs"),
    [
        # RST, or FIN, without a Close: "no Close control frame was received".
        ([("server", b"", RST | ACK)], (1006, 1006)),
        (END, (1006, 1006)),
        # A Close that is cut is none.
        ([("server", GOING[:3], ACK), ("client", b"", ACK), *END], (1006, 1006)),
        ([("server", GOING[:1], ACK), ("client", b"", ACK), ("server", b"", RST)], (1006, 1006)),
        # A FIN is no answer for the one who closed; the other has read.
        ([("server", GOING, ACK), ("client", b"", ACK), *END], (1001, 1006)),
        # In the buffer of a program that hangs, or closed without having read it.
        ([("server", GOING, ACK), ("client", b"", ACK), ("server", b"", RST)], (None, 1006)),
        ([("server", GOING, ACK), ("client", b"", ACK), ("client", b"", RST)], (None, 1006)),
        # Never acknowledged, and answered with RST: nobody was there to read it.
        ([("server", GOING, ACK), ("client", b"", RST)], (1006, 1006)),
        # Bodies that may not be sent (5.5.1, 7.4): one byte, 1005, a reason that is no UTF-8.
        ([("server", frame(CLOSE, b"\x03"), ACK), ("client", b"", ACK), *END], (None, 1006)),
        ([("server", frame(CLOSE, b"\x03\xed"), ACK), ("client", b"", ACK), *END], (None, 1006)),
        (
            [("server", frame(CLOSE, b"\x03\xe8\xff"), ACK), ("client", b"", ACK), *END],
            (None, 1006),
        ),
    ],
)
def test_what_each_end_reports_of_odd_ends(
    steps: tuple[Step, ...], logs: tuple[int | None, int | None], tmp_path: Path
) -> None:
    talk = Conversation()
    talk.upgrade()
    for side, data, flags in steps:
        talk.segment(side, data, flags)
    assert reported(talk, tmp_path) == logs


def test_closes_that_cross_each_other(tmp_path: Path) -> None:
    talk = Conversation()
    talk.upgrade()
    mine = frame(CLOSE, b"\x0f\xa1", key=b"abcd")
    talk.segment("client", mine)
    talk.next["client"] -= len(mine)
    talk.segment("server", frame(CLOSE, b"\x03\xe8"))
    talk.next["client"] += len(mine)
    talk.segment("server")
    talk.segment("client")
    talk.finish("server")
    assert reported(talk, tmp_path) == (1000, 4001)
