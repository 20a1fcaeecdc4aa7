"""A Python without the libraries that capture by libpcap."""

import builtins


def without_libraries(monkeypatch):
    """Let scapy and pcapy be missing."""
    real = builtins.__import__

    def refuse(name, *rest, **more):
        if name.partition(".")[0] in ("scapy", "pcapy"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
