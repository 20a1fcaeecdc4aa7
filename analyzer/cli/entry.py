"""What `wsanalyze` runs: the command line, with an end that is quiet at any moment, and quick.

Ctrl-C while modules are imported or the interpreter goes down would show a traceback: until the
command line takes the signal, and after it, the process just ends. Knows signals alone.
"""

from __future__ import annotations

import gc
import signal

from analyzer.cli.leaving import leave


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
    return leave(status)
