"""The entry of the command line: finds the verb, runs it, and answers errors for all verbs alike.

Knows exit statuses. Must not know what a verb does. The verbs are in cli.verbs; without one,
cli.analyze takes the arguments.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from typing import Any

from analyzer.cli.shared import PipeClosed, drop_stdout, pipes, version_line
from analyzer.cli.verbs import VERBS
from analyzer.errors import WsanalyzeError

OK, CALLERS_ERROR = 0, 2
INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 and the signal's number, as shells have it
HELP = ("-h", "--help")
MESSAGES = "--messages"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status.

    Args:
        arguments: without the program's name; default those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    # numpy's linear algebra is not used: its threads would only cost their start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Connections are many objects that live long and rarely form cycles: with the
    # default thresholds a tenth of the time goes into looking at them again and again.
    gc.set_threshold(200_000, 20, 20)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal without UTF-8 shows question marks rather than a traceback.
            stream.reconfigure(errors="replace")
    try:
        with pipes():
            return _done(given)
    except WsanalyzeError as error:
        return _complain(str(error), error.hint)
    except KeyboardInterrupt:
        return INTERRUPTED
    except PipeClosed:
        drop_stdout()
        return BROKEN_PIPE
    except Exception as error:
        if type(error).__name__ == "Abort":  # what typer makes of Ctrl-C
            return INTERRUPTED
        # typer keeps its own copy of click in some versions, so that the class of
        # usage errors has no name that holds for all.
        if hasattr(error, "format_message"):
            verb = f" {given[0]}" if given[0] in VERBS else ""
            return _complain(error.format_message(), f"wsanalyze{verb} --help lists all options")
        if os.environ.get("WSANALYZE_DEBUG"):
            # Not by raising it: Python would exit with 1, which is --fail-on's.
            import traceback

            traceback.print_exc()
        # Nothing in traffic should get here; if it does, the fault is ours.
        message = f"a fault of wsanalyze itself: {type(error).__name__}: {error}"
        return _complain(message, "please report it; with WSANALYZE_DEBUG=1 it shows where")


def _done(given: list[str]) -> int:
    """Do what the verb does; return the exit status."""
    # A verb wins over a file of its name; ./live names the file.
    if given[0] in VERBS:
        return VERBS[given[0]].run(given[1:])
    if given[0] in HELP:
        return VERBS["help"].run([])
    if asks_for_messages(given):
        return VERBS["messages"].run([each for each in given if each != MESSAGES])
    if given == ["--version"]:
        sys.stdout.write(version_line() + "\n")
        return OK
    if only_files(given):
        # The parser takes as long to import as a tenth of the rest.
        from analyzer.cli.analyze import analyze_files

        return analyze_files(given)
    from analyzer.cli.analyze_arguments import app

    status: Any = app(given, prog_name="wsanalyze", standalone_mode=False)
    return status if isinstance(status, int) else OK


def asks_for_messages(given: Sequence[str]) -> bool:
    """Return whether the short form of the verb messages is meant: no file after `--`."""
    return MESSAGES in (given[: given.index("--")] if "--" in given else given)


def only_files(given: Sequence[str]) -> bool:
    """Say whether there are no options, so that nothing is to be parsed; "-" is a file."""
    return not any(each.startswith("-") and each != "-" for each in given)


def _complain(message: str, hint: str | None) -> int:
    """Say on standard error what the caller should change."""
    from analyzer.report.wording import printable

    line = f"error: {message.removesuffix('.')}; {hint}" if hint else f"error: {message}"
    # One line whatever happens: names of files may hold anything.
    with contextlib.suppress(OSError):  # a terminal that was closed
        sys.stderr.write(printable(line) + "\n")
    return CALLERS_ERROR


if __name__ == "__main__":
    from analyzer.cli.leaving import leave

    sys.exit(leave(main()))
