"""Counters of a live source can be had without what only live runs need."""

from __future__ import annotations

import subprocess
import sys

ONLY_WHERE_USED = (
    "analyzer.capture.live",
    "analyzer.capture.filter_compiler",
    "analyzer.http.http2.connection",
    "analyzer.tables.comparison",
    "scapy",
    "pandas",
    "pyarrow",
    "prometheus_client",
)


def test_reading_a_file_loads_nothing_of_live_runs():
    code = "import sys; from analyzer.report.observer import CaptureStats; import analyzer.pipeline"
    code += f"; print(sorted(set({ONLY_WHERE_USED}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
