"""The registry: names that are used once, decoders that can be made, files that load late."""

import subprocess
import sys

from analyzer.inside.protocol import Decoder, Setting
from analyzer.inside.registry import GENERIC, JOINED, PROTOCOLS


def test_every_protocol_makes_a_decoder():
    for each in (*PROTOCOLS, *([GENERIC] if GENERIC else [])):
        decoder = each.make(Setting())
        assert isinstance(decoder, Decoder)
        for asked in (each.looks, each.middle, each.fits, each.is_beat):
            assert asked is None or asked(b"", 0, True) in (True, False)
        assert each.unwrap is None or each.unwrap(b"", 0) in (None, [])
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


def test_files_of_protocols_are_loaded_when_a_message_may_be_of_one():
    script = """
import sys
from analyzer.inside.sessions import recogniser_of
from analyzer.inside.protocol import Setting
import analyzer.inside.stage
def loaded(*names):
    return [name for name in names if name in sys.modules]
asked = recogniser_of(Setting(path="/chat"))
for _ in range(8):
    asked.see(b"hello", 0, True)
print(loaded("msgspec", "analyzer.inside.json_rpc", "analyzer.inside.mqtt"))
asked = recogniser_of(Setting(path="/chat"))
found = [asked.see(b'{"jsonrpc": "2.0", "id": 1, "method": "a"}', 0, True) for _ in range(2)]
print(found[1].inner, loaded("analyzer.inside.json_rpc", "analyzer.inside.mqtt"))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "json-rpc ['analyzer.inside.json_rpc']"]
