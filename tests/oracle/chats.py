"""Chats over WebSocket beside plain HTTP, as captures, and their rows of `alternatives`."""

from conversation import START_NS, TEXT, Conversation, frame, pcap
from oracle.whole import tables_of

S, MS = 1_000_000_000, 1_000_000
KEY = b"\x01\x02\x03\x04"


def chat(port=40_000, start=0, said=(), end=None, *, opened="handshake"):
    """A connection; `said` are (ms since the 101, "client" or "server", bytes).

    Its 101 goes out at START_NS + `start` ms; `end` is the ms of its Close, or None.
    """
    isn = {"client": 1000 * start % 2**32, "server": 50_000 + start}
    talk = Conversation(client_port=port, isn=isn)
    talk.now = origin = START_NS + start * MS
    if opened == "handshake":
        # SYN, SYN-ACK, ACK, request, its ACK go before.
        talk.now -= 5 * talk.step_ns
        talk.upgrade()
    elif opened == "tcp":
        talk.open()
    for time, side, payload in said:
        talk.now = origin + time * MS
        key = KEY if side == "client" else None
        talk.send(side, frame(TEXT, payload, key=key))
    if end is not None:
        talk.now = origin + end * MS
        talk.close()
    return talk


def plain(port, start, head=b"", body=b"[]"):
    """A GET of JSON from the host of the chats."""
    talk = Conversation(client_port=port)
    talk.now = START_NS + start * MS
    talk.open()
    talk.client(b"GET /news HTTP/1.1\r\nHost: peer.example\r\n" + head + b"\r\n")
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    talk.server(answer % len(body) + body)
    return talk.finish()


def captured(*talks):
    return pcap(sorted((p for talk in talks for p in talk.packets), key=lambda p: p.time_ns))


def rows(data, scope="connection", **options):
    frame = tables_of(data, alternatives=True, **options)["alternatives"]
    return frame[frame["scope"] == scope]


def one(data, transport, scope="connection", **options):
    found = rows(data, scope, **options)
    (row,) = found[found["transport"] == transport].to_dict("records")
    return row
