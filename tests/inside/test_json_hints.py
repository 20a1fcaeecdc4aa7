"""What is known of JSON unread: white space before it, heartbeats, names."""

import pytest

from analyzer.inside.json_hints import CHANNELS, IDS, KEYS, kind_of, trimmed


@pytest.mark.parametrize(
    ("payload", "same"),
    [
        (b'{"a": 1}', b'{"a": 1}'),
        (b' \r\n\t{"a": 1} ', b'{"a": 1} '),
        (b"\xef\xbb\xbf[1]", b"[1]"),
        (b"  word", b"  word"),
        (b"\xef\xbb\xbf", b"\xef\xbb\xbf"),
        (b"", b""),
    ],
)
def test_white_space_before_an_object_or_array(payload, same):
    assert trimmed(payload) == same


def test_heartbeats_by_their_names():
    assert kind_of("PING") == kind_of("hb") == "heartbeat"
    assert kind_of("pinged") == kind_of(None) == "json"


def test_channels_are_neighbours_among_the_keys():
    """The kernel looks for the first of a range of them."""
    begin = KEYS.index(CHANNELS[0])
    assert KEYS[begin : begin + len(CHANNELS)] == CHANNELS
    assert len({*KEYS, *IDS}) == len(KEYS) + len(IDS)
