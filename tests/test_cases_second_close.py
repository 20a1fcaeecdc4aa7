"""A second Close behind the FIN of the peer: nobody is sure to read it, so it is no clean end.

RFC 6455 7.1.4: closed cleanly is a connection where "the TCP connection is closed after the
WebSocket closing handshake is completed"; a side that sent FIN first did not wait for that.
"""

import struct

import pytest
from conversation import Conversation, frame
from oracle.whole import tables_of

ACK, FIN, RST, PSH = 0x10, 0x11, 0x04, 0x18
BODY = struct.pack(">H", 1000)
CLOSE = {"client": frame(8, BODY, key=b"\1\2\3\4"), "server": frame(8, BODY)}
OTHER = {"client": "server", "server": "client"}


def ended(*steps):
    talk = Conversation().upgrade()
    for side, what in steps:
        if what == "close":
            talk.send(side, CLOSE[side])
        elif what == "close+fin":
            talk.segment(side, CLOSE[side], flags=PSH | 1)
        else:
            talk.segment(side, flags={"fin": FIN, "ack": ACK, "rst": RST}[what])
    tables = tables_of(talk.pcap())
    (row,) = tables["connections"].itertuples()
    found = tables["findings"]
    texts = found.loc[found["id"] == "websocket-close-abnormal", "text"].tolist()
    return row, texts


@pytest.mark.parametrize("first", ["client", "server"])
@pytest.mark.parametrize("begin", [["close", "fin"], ["close+fin"]])
@pytest.mark.parametrize("end", [["close", "fin"], ["close+fin"], ["close"]])
def test_a_close_behind_the_fin_of_its_receiver_is_not_clean(first, begin, end):
    second = OTHER[first]
    row, texts = ended(*[(first, each) for each in begin], *[(second, each) for each in end])
    assert (row.close_kind, row.closed_by, row.close_code) == ("fin", first, 1000)
    assert texts == [
        "The connection ended without Close frames in both directions: "
        f"FIN by the {first}; the {second} sent Close only behind it."
    ]


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_close_behind_a_fin_without_close_is_not_clean(first):
    second = OTHER[first]
    row, (text,) = ended((first, "fin"), (second, "close"), (first, "rst"))
    assert (row.close_kind, row.closed_by) == ("fin", first)
    assert text.endswith(f"FIN by the {first}; only the {second} had sent Close.")


@pytest.mark.parametrize("first", ["client", "server"])
def test_a_fin_behind_both_closes_is_clean(first):
    second = OTHER[first]
    for fins in ([first, second], [second, first]):
        steps = [(first, "close"), (second, "close"), *((side, "fin") for side in fins)]
        row, texts = ended(*steps)
        assert (row.close_kind, row.closed_by) == ("clean", first)
        assert texts == []


def test_closes_that_cross_are_clean():
    row, texts = ended(
        *[("client", "close"), ("server", "close+fin"), ("client", "fin"), ("server", "ack")]
    )
    assert row.close_kind == "clean"
    assert texts == []
