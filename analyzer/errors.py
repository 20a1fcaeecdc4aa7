"""The exceptions that wsanalyze raises: the caller's problems, never the traffic's.

    WsanalyzeError                 base of all; the command line prints it and exits 2
    ├── CaptureError               the input cannot be read at all
    │   ├── NotACaptureError       the file is not a capture, or of a refused variant
    │   └── CaptureAccessError     no such file, a folder without captures, no permission
    ├── KeyLogError                a file of TLS keys cannot be read, or is no key log
    ├── ReportError                the report cannot be written
    ├── JobError                   a process that does a part of the work failed, or died
    └── OptionError                an option's value makes no sense (a bad --where, ...)

Oddities in traffic, a cut capture among them, are rows of the findings table.
"""


class WsanalyzeError(Exception):
    """Base class: one readable sentence, and optionally a hint on what to do."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class CaptureError(WsanalyzeError):
    """The input cannot be read at all."""


class NotACaptureError(CaptureError):
    """The file is not a capture that we read."""


class CaptureAccessError(CaptureError):
    """No such file, no permission, or a folder without captures."""


class KeyLogError(WsanalyzeError):
    """A file that should be a TLS key log cannot be read, or is none."""


class ReportError(WsanalyzeError):
    """The report cannot be written."""


class JobError(WsanalyzeError):
    """A process that does a part of the work failed, or died."""


class OptionError(WsanalyzeError):
    """An option's value makes no sense."""
