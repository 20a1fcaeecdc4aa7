"""Keys in use: those of chosen connections, and no others."""

from __future__ import annotations

from pathlib import Path

from analyzer.capture.source import open_capture
from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder
from analyzer.share.session_keys import UsedKeys

CAPTURES = Path(__file__).parents[2] / "captures"


def used(name: str, keys: Path) -> set[str]:
    options = Options(keys=(str(keys),))
    made, decoder = UsedKeys(options), PacketDecoder(options)
    for records in open_capture(CAPTURES / f"{name}.pcap", options):
        made.push(decoder.push(records))
    return set(made.finish().decode().splitlines())


def logged(path: Path) -> set[str]:
    return {line for line in path.read_text().splitlines() if line and line[0] != "#"}


def test_keys_of_other_sessions_are_left_out(tmp_path: Path) -> None:
    both = tmp_path / "keys"
    own = CAPTURES / "wss-tls13.keys"
    both.write_text((CAPTURES / "npm-wss.keys").read_text() + own.read_text())
    found = used("wss-tls13", both)
    # EXPORTER_SECRET and the like decrypt nothing.
    assert found == {line for line in logged(own) if "EXPORTER" not in line}


def test_secrets_encrypted_for_the_server() -> None:
    keys = CAPTURES / "tls12-rsa-premaster.keys"
    assert used("tls12-rsa-premaster", keys) == logged(keys)


def test_renegotiated_sessions_too() -> None:
    keys = CAPTURES / "tls12-renegotiation.keys"
    assert used("tls12-renegotiation", keys) == logged(keys)
