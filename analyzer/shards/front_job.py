"""What one front does of an analysis: reads the captures, and hands on packed batches.

Knows the front and the source. Must not know processes. Used by shards.worker, and by tests, which
need no process for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from os import PathLike

from analyzer.capture.source import open_capture
from analyzer.front import Front, Seen
from analyzer.jobs.wire import Part
from analyzer.lazy_dataclass import dataclass
from analyzer.options import Options
from analyzer.shards.parcel import Sender


@dataclass(frozen=True, slots=True)
class Job:
    """What a front is to do.

    Attributes:
        paths: files or folders.
        options: limits and switches.
        only: WebSocket connections that are compared with other transports; None: all.
        previews: somebody reads how messages begin: reports do, the summary does not.
    """

    paths: tuple[str | PathLike[str], ...]
    options: Options
    only: Collection[int] | None = None
    previews: bool = True


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known when the captures were opened.

    Attributes:
        names: of the inputs, in the order in which they are read.
        bytes_total: of them; None if one is a pipe.
    """

    names: list[str]
    bytes_total: int | None


def batches(job: Job) -> Iterator[Begun | list[Part]]:
    """Yield what was begun, then the packed batches, for a Receiver.

    Raises:
        CaptureError: the input cannot be read at all.
        KeyLogError: a key log cannot be read.
    """
    source = open_capture(job.paths, job.options)
    front = Front(job.options, job.only)
    sender = Sender(front.sampler, previews=job.previews)
    yield Begun([str(name) for name in source.names], source.bytes_total)
    for records in source:
        if not front.says_nothing(records):
            segments = front.packets.push(records)
            seen = Seen.of(segments)
            yield sender.pack(seen, front.follow(segments), source.bytes_read)
    segments = front.packets.finish()
    seen = Seen.of(segments)
    yield sender.pack(seen, front.follow(segments), source.bytes_read)
    batch = front.end()
    yield sender.pack(None, batch, source.bytes_read, front.finish())
