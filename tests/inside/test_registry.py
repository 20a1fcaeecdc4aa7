"""The registry: names that are used once, decoders that can be made."""

from analyzer.inside.item import Decoder, Setting
from analyzer.inside.registry import GENERIC, PROTOCOLS


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
