"""The wish to end a live run: signals, and how much time is left after them.

Must not know what is ended. Asked by live.run; made by the verb `live`.
"""

from __future__ import annotations

import errno
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO


class Hurried(BaseException):
    """The end was asked for twice, in the middle of something that may be left out."""


class NotRead(BrokenPipeError):
    """Nobody read what was written, until the time after SIGTERM was over."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "nobody reads")


class Stop:
    """Whether someone asked for the end.

    The first signal asks for it. A second Ctrl-C or SIGTERM leaves the comparison with other
    transports out. A third ends at once, by KeyboardInterrupt: a reader of events that neither
    reads nor goes away would hold the run forever.

    SIGTERM often has SIGKILL behind it, 10 s later in a container: so it gives a time to what
    can be left out.

    Args:
        within_s: after SIGTERM, for packets that wait and for the comparison; 0: no end.

    Attributes:
        asked: someone did.
        hurried: twice.
        late: half the time after SIGTERM is over: packets that wait are left out.
        over: all of it: the comparison is left out.
        optional: what is done now may be left out.
        waits: for a reader (WaitedFor).
        step_s: half of the time.
    """

    def __init__(self, within_s: float = 0.0) -> None:
        self.asked = self.hurried = self.late = self.over = False
        self.optional = self.waits = False
        self.step_s = within_s / 2

    def __call__(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Take the signal.

        Raises:
            Hurried: The second, while something optional is done.
            KeyboardInterrupt: The third.
        """
        if not self.asked:
            self.asked = True
            if number == signal.SIGTERM and self.step_s:
                signal.setitimer(signal.ITIMER_REAL, self.step_s, self.step_s)
        elif number == signal.SIGHUP:
            return  # a terminal that closes raises this besides the signal that ended the run
        elif self.hurried:
            raise KeyboardInterrupt
        else:
            self.hurried = True
            if self.optional:
                raise Hurried

    def pass_time(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Take SIGALRM: half of the time is over, or all of it.

        Raises:
            Hurried: All of it, while something optional is done.
            NotRead: All of it, while a reader is waited for.
        """
        self.late, self.over = True, self.late
        if self.over:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            if self.optional:
                raise Hurried
            if self.waits:
                raise NotRead


class WaitedFor:
    """A stream whose reader is waited for, but not when the time after SIGTERM is over.

    Else one that neither reads nor goes away holds the end until SIGKILL. Used in the main thread,
    which takes the signals.

    Args:
        stream: standard output.
        stop: tells the time.
    """

    def __init__(self, stream: BinaryIO, stop: Stop) -> None:
        self._stream = stream
        self._stop = stop
        self._given_up = False

    def write(self, data: bytes, /) -> int:
        """Write; raise NotRead where nobody reads."""
        with self._waiting():
            return self._stream.write(data)

    def flush(self) -> None:
        """Let it out; raise NotRead where nobody reads."""
        with self._waiting():
            self._stream.flush()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        if self._given_up:
            raise NotRead
        if self._stop.over:
            signal.setitimer(signal.ITIMER_REAL, self._stop.step_s)
        self._stop.waits = True
        try:
            yield
        except NotRead:
            self._given_up = True
            raise
        finally:
            self._stop.waits = False
            if self._stop.over:
                signal.setitimer(signal.ITIMER_REAL, 0.0)


@contextmanager
def signals(within_s: float = 0.0) -> Iterator[Stop]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a wish to end, while the body runs.

    What is ignored stays so: nohup lets a run outlive its terminal.

    Args:
        within_s: as of Stop.
    """
    stop = Stop(within_s)
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.getsignal(each) for each in wanted}
    taken = [each for each in wanted if before[each] != signal.SIG_IGN]
    for each in taken:
        signal.signal(each, stop)
    alarm = signal.signal(signal.SIGALRM, stop.pass_time)
    try:
        yield stop
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, alarm)
        for each in taken:
            signal.signal(each, before[each])
