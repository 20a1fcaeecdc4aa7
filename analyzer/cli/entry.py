"""What `wsanalyze` runs: the command line, with an end that is quiet at any moment, and quick.

Ctrl-C while modules are imported or the interpreter goes down would show a traceback: until the
command line takes the signal, and after it, the process just ends. Knows signals, and what an
interpreter does at its end.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys


def main() -> int:
    """Run the command line; end the process, or return the exit status where that takes longer."""
    # nohup and shells that start jobs in the background let it be ignored, which stays so.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from analyzer.cli.main import main as run

    if not ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        status = run()
    except KeyboardInterrupt:
        status = 130
    finally:
        if not ignored:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        # The system takes all memory back at once: to look for cycles among what thousands of
        # connections left behind would take a twentieth of the run.
        gc.freeze()
    _leave(status)
    return status


def _leave(status: int) -> None:
    """End the process without taking modules and objects apart, a twentieth of a short run.

    Only what nobody would miss is left out. Not where other threads run, which the interpreter
    waits for, nor under a profiler, which writes at its own end, nor where the last output cannot
    be written, which the interpreter says in its own way.
    """
    threads = sys.modules.get("threading")
    if threads is not None and threads.active_count() > 1:
        return
    if sys.getprofile() is not None or sys.gettrace() is not None:
        return
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # none, broken, closed
            return
    os._exit(status)
