"""What a front does of an analysis: follows connections, and hands on packed batches.

Knows the front and what crosses. Must not know processes. Used by shards.worker, and by tests,
which need no process for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from os import PathLike

from analyzer.front import Front, Seen
from analyzer.jobs.wire import Part
from analyzer.lazy_dataclass import dataclass
from analyzer.options import Options
from analyzer.shards.parcel import Sender
from analyzer.shards.reading import Begun, Decoded


@dataclass(frozen=True, slots=True)
class Job:
    """What a front is to do.

    Attributes:
        paths: files or folders.
        options: limits and switches.
        only: WebSocket connections that are compared with other transports; None: all.
        previews: somebody reads how messages begin: reports do, the summary does not.
        reads_apart: captures are read by a process of their own, where it can be forked.
    """

    paths: tuple[str | PathLike[str], ...]
    options: Options
    only: Collection[int] | None = None
    previews: bool = True
    reads_apart: bool = False


def batches(job: Job, captures: Iterable[Begun | Decoded]) -> Iterator[Begun | list[Part]]:
    """Yield what was begun, then the packed batches, for a Receiver.

    Args:
        job: what to do.
        captures: of shards.reading. An error that it raises is passed on.

    Raises:
        KeyLogError: a key log cannot be read.
    """
    front = Front(job.options, job.only)
    sender = Sender(front.sampler, previews=job.previews)
    read = 0
    for made in captures:
        if isinstance(made, Begun):
            yield made
            continue
        segments, read = made
        seen = Seen.of(segments)
        yield sender.pack(seen, front.follow(segments), read)
    batch = front.end()
    yield sender.pack(None, batch, read, front.finish())
