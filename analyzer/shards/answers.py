"""How answers of a child begin, and how an error crosses. Used by shards.reading, worker and team.

Knows errors. Must not know what is answered.
"""

from __future__ import annotations

import pickle
import traceback
from typing import Any, Final

from analyzer import errors
from analyzer.errors import JobError, WsanalyzeError
from analyzer.jobs import wire

BEGUN: Final = b"b".ljust(wire.ALIGNED)
BATCH: Final = b"p".ljust(wire.ALIGNED)
FAILED: Final = b"f".ljust(wire.ALIGNED)
DONE: Final = b"d".ljust(wire.ALIGNED)
"""A letter, and room that lets what follows begin where it is aligned."""

HINT: Final = "--jobs 1 analyses in one process"


def packed_error(error: BaseException) -> bytes:
    """Return an error as bytes: one of the caller's as it is, a fault with its traceback."""
    if isinstance(error, WsanalyzeError):
        notes = "\n".join(getattr(error, "__notes__", ()))
        return pickle.dumps((type(error).__name__, str(error), error.hint, notes))
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    said = f"a process that analyses failed: {what}"
    return pickle.dumps((JobError.__name__, said, None, traceback.format_exc()))


def unpacked_error(told: bytes | memoryview) -> WsanalyzeError:
    """Return the error that a child tells of; how it came about is its note."""
    name, message, hint, note = pickle.loads(told)
    kind: Any = getattr(errors, name, JobError)
    error: WsanalyzeError = kind(message, hint=hint)
    if note:
        error.add_note(note)
    return error
