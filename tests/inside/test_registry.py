"""The registry: names that are used once, decoders that can be made."""

from analyzer.inside.item import Decoder, Setting
from analyzer.inside.registry import GENERIC, JOINED, PROTOCOLS


def test_every_protocol_makes_a_decoder():
    for each in (*PROTOCOLS, *([GENERIC] if GENERIC else [])):
        decoder = each.make(Setting())
        assert isinstance(decoder, Decoder)
        assert each.looks(b"", 0, True) in (True, False)
        assert decoder.held_bytes == 0
        if each.needs_path:
            assert each.path is not None


def test_a_subprotocol_names_one_protocol():
    names = (*("mqtt", "mqttv3.1", "v10.stomp", "v11.stomp", "v12.stomp", "chat", "soap", "json"),)
    for name in names:
        found = [
            each for each in PROTOCOLS if each.subprotocols and each.subprotocols.fullmatch(name)
        ]
        assert len(found) <= 1


def test_in_the_middle_nothing_needs_a_path():
    assert {each.inner for each in JOINED} <= {each.inner for each in PROTOCOLS}
    for each in JOINED:
        assert not each.needs_path
        # What asks each message whether it is allowed may not leave any out unasked.
        assert each.fits is None or not (each.begins or each.needs)
