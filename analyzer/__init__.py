"""wsanalyze: packet-level WebSocket traffic analysis.

    >>> import analyzer
    >>> analysis = analyzer.analyze("capture.pcapng")
    >>> analysis.messages            # a pandas DataFrame
    >>> for message in analyzer.iter_messages("capture.pcapng"): ...  # one by one
    >>> analyzer.read_csv("reports") # the same tables from a --csv folder
    >>> analysis.to_html("report.html")  # and to_csv, to_parquet, to_json, to_har
    >>> analyzer.compare("before.pcap", "after.pcap")  # figures of both, difference, ratio

Names are imported when first used, so that the command line starts without pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from analyzer.version import __version__

if TYPE_CHECKING:
    from analyzer.analysis import Analysis, Tables, analyze, compare, read_csv, read_parquet
    from analyzer.errors import (
        CaptureAccessError,
        CaptureError,
        KeyLogError,
        NotACaptureError,
        OptionError,
        ReportError,
        WsanalyzeError,
    )
    from analyzer.iteration import iter_calls, iter_handshakes, iter_messages
    from analyzer.options import Options
    from analyzer.rows import Call, Handshake, Message

_HOMES = {
    "Analysis": "analysis",
    "Tables": "analysis",
    "analyze": "analysis",
    "compare": "analysis",
    "read_csv": "analysis",
    "read_parquet": "analysis",
    "CaptureAccessError": "errors",
    "CaptureError": "errors",
    "NotACaptureError": "errors",
    "OptionError": "errors",
    "ReportError": "errors",
    "WsanalyzeError": "errors",
    "KeyLogError": "errors",
    "Options": "options",
    "Call": "rows",
    "Handshake": "rows",
    "Message": "rows",
    "iter_calls": "iteration",
    "iter_handshakes": "iteration",
    "iter_messages": "iteration",
}
"""Public name -> the module that has it."""

__all__ = [
    "Analysis",
    "Call",
    "CaptureAccessError",
    "CaptureError",
    "Handshake",
    "KeyLogError",
    "Message",
    "NotACaptureError",
    "OptionError",
    "Options",
    "ReportError",
    "Tables",
    "WsanalyzeError",
    "__version__",
    "analyze",
    "compare",
    "iter_calls",
    "iter_handshakes",
    "iter_messages",
    "read_csv",
    "read_parquet",
]


def __getattr__(name: str) -> object:
    """Import the home of a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
