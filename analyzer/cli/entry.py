"""What `wsanalyze` runs: the command line, with an end that is quiet at any moment, and quick.

Ctrl-C while modules are imported or the interpreter goes down would show a traceback: until the
command line takes the signal, and after it, the process just ends. Knows signals alone.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

from analyzer.cli.leaving import leave

_STDOUT, _STDERR = 1, 2


def main() -> int:
    """Run the command line; end the process, or return the exit status where that takes longer."""
    _open_closed()
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
    return leave(status)


def _open_closed() -> None:
    """Open standard streams that were closed (`>&-`), before a report gets the number of one.

    Input is empty then, errors go nowhere, and output is one that cannot be written, so that
    whoever wants a report hears that there is none.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(number)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8")
    if sys.stdout is None:
        unwritable = os.open(os.devnull, os.O_RDONLY)
        os.dup2(unwritable, _STDOUT)
        os.close(unwritable)
        sys.stdout = os.fdopen(_STDOUT, "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(_STDERR, "w", encoding="utf-8")
