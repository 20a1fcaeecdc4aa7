"""What `wsanalyze` runs: the command line, with an end that is quiet at any moment.

Ctrl-C while modules are imported or the interpreter goes down would show a traceback: until the
command line takes the signal, and after it, the process just ends. Knows signals alone.
"""

from __future__ import annotations

import gc
import signal


def main() -> int:
    """Run the command line; return the exit status."""
    # nohup and shells that start jobs in the background let it be ignored, which stays so.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from analyzer.cli.main import main as run

    if not ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return run()
    except KeyboardInterrupt:
        return 130
    finally:
        # The system takes all memory back at once: to look for cycles among what thousands of
        # connections left behind would take a twentieth of the run.
        gc.freeze()
        if not ignored:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
