"""wsanalyze: packet-level WebSocket traffic analysis.

    >>> import analyzer
    >>> analysis = analyzer.analyze("capture.pcapng")
    >>> analysis.messages            # a pandas DataFrame
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
    from analyzer.analysis import Analysis, Tables, analyze, compare, paths, read_csv, read_parquet
    from analyzer.errors import (
        CaptureAccessError,
        CaptureError,
        NotACaptureError,
        OptionError,
        ReportError,
        WsanalyzeError,
    )
    from analyzer.options import Options

_HOMES = {
    "Analysis": "analysis",
    "Tables": "analysis",
    "analyze": "analysis",
    "compare": "analysis",
    "paths": "analysis",
    "read_csv": "analysis",
    "read_parquet": "analysis",
    "CaptureAccessError": "errors",
    "CaptureError": "errors",
    "NotACaptureError": "errors",
    "OptionError": "errors",
    "ReportError": "errors",
    "WsanalyzeError": "errors",
    "Options": "options",
}
"""Public name -> the module that has it."""

__all__ = [
    "Analysis",
    "CaptureAccessError",
    "CaptureError",
    "NotACaptureError",
    "OptionError",
    "Options",
    "ReportError",
    "Tables",
    "WsanalyzeError",
    "__version__",
    "analyze",
    "compare",
    "paths",
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
