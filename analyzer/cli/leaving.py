"""The end of the process, which takes no longer than it must.

Knows what an interpreter does at its end. Must not know what was done before. Used by the entries.
"""

from __future__ import annotations

import atexit
import os
import sys


def leave(status: int) -> int:
    """End the process without taking modules and objects apart, a twentieth of a short run.

    Only what nobody would miss is left out. Not where other threads run, which the interpreter
    waits for, nor under a profiler, which writes at its own end, nor where the last output cannot
    be written, which the interpreter says in its own way: there it returns.

    Args:
        status: that the process ends with.

    Returns:
        The same, for sys.exit.
    """
    threads = sys.modules.get("threading")
    if threads is not None and threads.active_count() > 1:
        return status
    if sys.getprofile() is not None or sys.gettrace() is not None:
        return status
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # none, broken, closed
            return status
    os._exit(status)
