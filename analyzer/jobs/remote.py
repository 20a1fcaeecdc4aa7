"""Reports that another process writes, so that formatting them runs beside the analysis.

A report's files depend on nothing but the rows that it is given, in their order, and those go to
one process through one pipe. So they are the same bytes as without it. A process that fails or
dies is an error of the report (ReportError), and leaves no report that looks whole.

Knows processes and the orders of jobs.worker. Must not know formats. Used by the command line.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO, Any, Final, Literal

from analyzer.errors import ReportError
from analyzer.jobs import wire
from analyzer.jobs.forked import Forked, may_fork
from analyzer.jobs.worker import work
from analyzer.report.output import remove_partial, report_errors
from analyzer.tables.schema import TableRows
from analyzer.tables.summary import Capture

Kind = Literal["csv", "parquet", "json"]

MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
"""Packed rows that wait for a process: the rows of some ten batches, so that neither side waits
for the other when a batch takes longer, and little against the 300 MB that a process may take."""
_PIPE_BYTES: Final = 1024 * 1024
"""What a pipe holds by itself; Linux lets anybody ask for so much (pipe(7))."""
END_S: Final = 10.0
"""How long a process may take to undo its reports before it is killed."""
_START = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"


def possible() -> bool:
    """Return whether this program can start another process of itself."""
    return bool(sys.executable) and not getattr(sys, "frozen", False)


class WriterProcess:
    """A process that writes reports.

    It starts while the analysis goes on: nothing here waits for it before there is much to do.
    Threads that talk to it begin with the first rows, so that other processes can be forked until
    then.
    """

    def __init__(self) -> None:
        """Start it.

        Raises:
            ReportError: The system starts no process.
        """
        try:
            process: Forked | subprocess.Popen[bytes]
            process = Forked(work) if may_fork() else started("analyzer.jobs.worker")
        except OSError as error:
            reason = error.strerror or str(error)
            raise ReportError(
                f"cannot start a process that writes reports: {reason}",
                hint="--jobs 1 needs none",
            ) from error
        assert process.stdin is not None
        assert process.stdout is not None
        enlarge(process.stdin)
        self._process = process
        self._packer = wire.Packer()
        self._changed = threading.Condition()
        self._orders: deque[bytes | None] = deque()
        self._waiting_bytes = 0
        self._gone = False  # it takes no more orders
        self._heard_all = False  # it says nothing more
        self._failure: ReportError | None = None
        self._closed: set[int] = set()
        self._open: dict[int, RemoteReport] = {}
        self._last: TableRows | None = None
        self._reports = 0
        self._threads = [
            threading.Thread(target=self._send, args=(process.stdin,), daemon=True),
            threading.Thread(target=self._receive, args=(process.stdout,), daemon=True),
        ]
        self._has_begun = False

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def report(self, kind: Kind, target: Path, *, hides: bool = False) -> RemoteReport:
        """Return a report that this process writes.

        Args:
            kind: its format.
            target: a folder, or the file of a JSON document.
            hides: whether it gets no whole payloads (report.hiding).

        Raises:
            ReportError: The folder cannot be made.
        """
        made = RemoteReport(self, self._reports, target)
        makes = made.is_new and kind != "json"
        if makes:
            self._make(target)
        self._open[self._reports] = made
        # Whoever undoes the report undoes the folder too: this process may be gone.
        order = self._packer.pack(("make", self._reports, kind, target.absolute(), hides, makes))
        with self._changed:
            self._orders.append(order)
            self._waiting_bytes += len(order)
            self._changed.notify_all()
        self._reports += 1
        return made

    def _make(self, folder: Path) -> None:
        """Make a folder here: reports of other processes may be in it, or have the same one."""
        try:
            with report_errors(folder):
                folder.mkdir()
        except ReportError:
            if not self._open:
                self._end()
            raise

    # --- orders, for RemoteReport

    def rows(self, number: int, rows: TableRows) -> None:
        """Hand rows to a report.

        Raises:
            ReportError: They cannot be written, or those before.
        """
        if rows is self._last:
            self._post("again", number)
        else:
            self._last = rows
            self._post("rows", number, rows)

    def captured(self, number: int, capture: Capture) -> None:
        """Tell a report what was read."""
        self._post("captured", number, capture)

    def close(self, number: int) -> None:
        """Have a report finished, and wait until it is in place.

        Raises:
            ReportError: It cannot be written.
        """
        self._last = None
        self._post("close", number)
        with self._changed:
            while number not in self._closed:
                self._check()
                self._changed.wait()
        self._open.pop(number)
        if not self._open:
            self._end()

    def abort(self) -> None:
        """Have all reports undone that are not in place."""
        self._last = None
        if not self._open:
            return
        self._process.terminate()
        self._end()
        for report in self._open.values():
            # Of a process that was killed, or that had not come so far as to undo anything.
            remove_partial(report.target, self.pid, made_folder=report.is_new)
        self._open.clear()

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            for thread in self._threads:
                thread.start()

    def _post(self, *order: object) -> None:
        self._begin()
        packed = self._packer.pack(order)
        with self._changed:
            while self._waiting_bytes > MAX_WAITING_BYTES and not self._gone:
                self._changed.wait()
            self._check()
            self._orders.append(packed)
            self._waiting_bytes += len(packed)
            self._changed.notify_all()

    def _check(self) -> None:
        """Raise what went wrong in the process, if anything did."""
        if not self._gone:
            return
        # What it said last may still be on its way.
        while self._failure is None and not self._heard_all:
            self._changed.wait()
        if self._failure is None:
            targets = ", ".join(str(report.target) for report in self._open.values())
            how = how_it_ended(self._process.wait())
            self._failure = ReportError(
                f"cannot write {targets}: the process that writes it {how}",
                hint="--jobs 1 writes reports in the process that analyses",
            )
        raise self._failure

    def _end(self) -> None:
        """Let the process end, and wait for it; kill it if it does not."""
        self._begin()
        with self._changed:
            self._orders.append(None)
            self._changed.notify_all()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()

    # --- threads

    def _send(self, pipe: IO[bytes]) -> None:
        """Write orders as they come, until there are no more or nobody reads them."""
        with contextlib.suppress(OSError), pipe:
            while (order := self._next()) is not None:
                wire.write(pipe, order)
                with self._changed:
                    self._waiting_bytes -= len(order)
                    self._changed.notify_all()
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._orders:
                self._changed.wait()
            return self._orders.popleft()

    def _receive(self, pipe: IO[bytes]) -> None:
        """Take answers until the process ends."""
        unpack = wire.Unpacker().unpack
        with contextlib.suppress(OSError), pipe:
            while (packed := wire.read(pipe)) is not None:
                name, *said = unpack(packed)
                with self._changed:
                    if name == "closed":
                        self._closed.add(said[0])
                    else:
                        self._failure = ReportError(said[0], hint=said[1])
                    self._changed.notify_all()
        with self._changed:
            self._gone = self._heard_all = True
            # Whoever sends must see it too, though there may be nothing to send.
            self._orders.append(None)
            self._changed.notify_all()


class RemoteReport:
    """A Writer of which another process writes the report.

    Attributes:
        target: a folder or a file.
        is_new: whether the target did not exist before.
    """

    def __init__(self, process: WriterProcess, number: int, target: Path) -> None:
        self.target = target
        self.is_new = not target.exists()
        self._process = process
        self._number = number
        self._over = False

    def write(self, rows: TableRows) -> None:
        """Hand rows on (Writer).

        Raises:
            ReportError: They cannot be written, or those before.
        """
        self._process.rows(self._number, rows)

    def captured(self, capture: Capture) -> None:
        """Hand on what was read (WantsCapture)."""
        self._process.captured(self._number, capture)

    def close(self) -> None:
        """Wait until the report is in place (Writer).

        Raises:
            ReportError: It cannot be written.
        """
        if not self._over:
            self._process.close(self._number)
            self._over = True

    def abort(self) -> None:
        """Undo it, and what else the process has not finished (Writer)."""
        if not self._over:
            self._over = True
            self._process.abort()


def started(module: str) -> subprocess.Popen[bytes]:
    """Start a process of this program that runs a module's `main`, with pipes to both its ends.

    Raises:
        OSError: The system starts no process.
    """
    command = [sys.executable, "-c", _START.format(path=sys.path, module=module)]
    # A group of its own: Ctrl-C is for this process, which tells the other to undo what it writes.
    group: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **group)


def how_it_ended(status: int) -> str:
    """Return what a process's status says: "was killed by SIGKILL", "ended with status 1"."""
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"was killed by {signal.Signals(-status).name}"
    return f"was killed by signal {-status}"


def enlarge(pipe: IO[bytes]) -> None:
    """Let a pipe hold the rows of a batch, where the system can."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
