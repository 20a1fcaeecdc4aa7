"""Kubernetes: channels by their number."""

from analyzer.inside.kubernetes import Kubernetes
from analyzer.inside.protocol import Setting
from analyzer.inside.registry import KUBERNETES as PROTOCOL


def take(payload, subprotocol="v4.channel.k8s.io"):
    items = Kubernetes(Setting(subprotocol)).take(payload, 0, False)
    return None if items is None else [item.kind for item in items]


def test_channels():
    names = ["stdin", "stdout", "stderr", "error", "resize"]
    assert [take(bytes([number]) + b"x") for number in range(5)] == [[name] for name in names]
    assert take(b"1bHM=", "base64.channel.k8s.io") == ["stdout"]
    assert take(b"\xff\0") == ["close"]  # version 5: stdin is closed
    assert take(b"") == []
    assert take(b"\7x") is None


def test_recognition():
    for name in ("v4.channel.k8s.io", "v5.channel.k8s.io", "base64.channel.k8s.io"):
        assert PROTOCOL.subprotocols.fullmatch(name)
    assert not PROTOCOL.looks(b"\0x", 0, False)
