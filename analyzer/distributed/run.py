"""A run on a cluster: asks workers what they see, hands out captures, hears what became of them.

Knows dask.distributed. Must not know what an analysis is. Called by users, and by cli.cluster.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, Final, Unpack

from analyzer.checking import options_of
from analyzer.distributed.store import is_url
from analyzer.distributed.survey import Look, Placed, Wanted, look, placed
from analyzer.distributed.task import Task, conclude, work
from analyzer.errors import CaptureAccessError, JobError, OptionError, WsanalyzeError
from analyzer.report.each import Outcome
from analyzer.rows import OptionValues
from analyzer.version import __version__

RETRIES: Final = 2
"""Further attempts after an error that may pass: a network, a disk. Deaths of workers are counted
by Dask (distributed.scheduler.allowed-failures)."""
ARRIVAL_S: Final = 30
"""How long to wait for the first worker."""
LOST_S: Final = 60.0
"""So long no worker may be able to read a capture before it is given up; a worker that died is
started again within some seconds."""
_LOOK_S: Final = 5.0

StrPath = str | PathLike[str]
Progress = Callable[[int, int], None]
"""Told how many captures are done, and of how many."""


def analyze(
    paths: StrPath | Sequence[StrPath] | Mapping[str, Sequence[StrPath]],
    client: Any = None,
    *,
    folder: StrPath,
    where: str | None = None,
    workers: int | None = None,
    on_progress: Progress | None = None,
    **options: Unpack[OptionValues],
) -> list[Outcome]:
    """Analyse captures on a cluster, each by itself, into one Parquet dataset.

    A capture that was analysed before, and has not changed since, is left alone.

    Args:
        paths: captures, folders of them, patterns ("/captures/2026-11-*.pcap"), or URLs that fsspec
            opens ("s3://bucket/*.pcap"). Or several files that are one capture each, by the name
            it is to have.
        client: a dask.distributed.Client, or the address of a scheduler; default a cluster of
            processes on this machine.
        folder: of the dataset, which all workers can write: a path, or a URL.
        where: keep only connections for which this holds; see analyzer.analyze().
        workers: of the cluster on this machine; default as many as cores.
        on_progress: called when a capture is done.
        **options: fields of analyzer.Options. Key logs are read by the workers.

    Returns:
        What became of each capture, in the order of their names; errors are among it.

    Raises:
        CaptureAccessError: A path cannot be read by any worker, or there are no captures.
        OptionError: An option is wrong, two captures have one name, or Dask is not installed.
        JobError: There is no cluster, or it is lost.
        ReportError: The summary cannot be written.
        TypeError: There is no such option.
    """
    checked = options_of(_absolute(options))
    wanted = list(_wanted(paths))
    target = _path(folder)
    with _connected(client, workers) as cluster:
        captures = _survey(cluster, wanted, target)
        tasks = [
            (Task(*found[:3], target, checked, where), found.size, hosts)
            for found, hosts in sorted(captures)
        ]
        outcomes = _done(cluster, tasks, on_progress)
        if not any(each.is_capture for each in outcomes):
            named = ", ".join(path for each in wanted for path in each.paths)
            raise CaptureAccessError(f"{named} holds no captures.")
        cluster.submit(conclude, target, outcomes, pure=False, retries=RETRIES).result()
    return outcomes


# --- what is asked for


def _path(path: StrPath) -> str:
    """Return a path that is the same for workers, which run in other folders."""
    given = os.fspath(path)
    return given if is_url(given) else os.path.abspath(given)


def _absolute(options: OptionValues) -> OptionValues:
    keys = options.get("keys")
    if not keys:
        return options
    several = (keys,) if isinstance(keys, str | PathLike) else keys
    return {**options, "keys": tuple(map(_path, several))}


def _wanted(paths: Any) -> Iterator[Wanted]:
    """Yield what is named.

    Raises:
        OptionError: It is no path, or a URL is among several files of one capture.
    """
    if isinstance(paths, Mapping):
        for name, files in paths.items():
            several = tuple(map(_path, [files] if isinstance(files, str | PathLike) else files))
            if not several:
                raise OptionError(f"no file is named for {name}")
            if any(map(is_url, several)):
                raise OptionError(f"the files of {name} have to be paths that workers can open")
            yield Wanted(name, several)
        return
    for path in [paths] if isinstance(paths, str | PathLike) else paths:
        if os.fspath(path) == "-":
            raise OptionError("a cluster reads files, not standard input")
        yield Wanted(None, (_path(path),))


# --- the cluster


@contextlib.contextmanager
def _connected(client: Any, workers: int | None) -> Iterator[Any]:
    """Yield a client of a cluster that has workers.

    Raises:
        OptionError: Dask is not installed.
        JobError: There are no workers.
    """
    try:
        import distributed
    except ImportError as error:
        hint = "pip install '.[dask]' where wsanalyze was installed from"
        raise OptionError("a cluster needs dask.distributed", hint=hint) from error
    with contextlib.ExitStack() as made:
        if isinstance(client, str):
            try:
                client = made.enter_context(distributed.Client(client, timeout=ARRIVAL_S))
            except (OSError, ValueError) as error:  # TimeoutError among them
                raise JobError(f"there is no scheduler at {client}: {error}") from error
        elif client is None:
            cluster = distributed.LocalCluster(
                n_workers=workers or _cores(),
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
            )
            client = made.enter_context(distributed.Client(made.enter_context(cluster)))
        try:
            client.wait_for_workers(1, timeout=ARRIVAL_S)
        except TimeoutError as error:
            raise JobError("the cluster has no workers", hint="start some: dask worker") from error
        yield client


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _host(address: str) -> str:
    from distributed.comm import get_address_host

    host: str = get_address_host(address)
    return host


def _survey(client: Any, wanted: Sequence[Wanted], dataset: str) -> list[Placed]:
    """Return the captures that workers see.

    Raises:
        CaptureAccessError: No worker can read a path.
        JobError: Workers have no wsanalyze, or another version.
        OptionError: Two captures have one name, or a URL cannot be opened.
    """
    here = [each for each in wanted if not is_url(each.paths[0])]
    remote = [each for each in wanted if is_url(each.paths[0])]
    try:
        seen: dict[str, Look] = client.run(look, here, dataset)
        elsewhere = client.submit(look, remote, dataset, pure=False).result() if remote else None
    except WsanalyzeError:
        raise
    except Exception as error:
        hint = f"all need wsanalyze {__version__}"
        raise JobError(f"the workers cannot look for captures: {error}", hint=hint) from error
    looks: dict[str, list[Look]] = {}
    for address, each in seen.items():
        if each.version != __version__:
            raise JobError(
                f"the worker {address} has wsanalyze {each.version}, this is {__version__}"
            )
        looks.setdefault(_host(address), []).append(each)
    return placed(looks, elsewhere)


def _done(
    client: Any,
    tasks: Sequence[tuple[Task, int, tuple[str, ...] | None]],
    on_progress: Progress | None,
) -> list[Outcome]:
    """Have all tasks done; return their outcomes in the same order.

    Raises:
        OptionError: An option is wrong.
        JobError: The cluster is lost.
    """
    # The largest first, so that none of them is begun when all others are done.
    ranks = sorted(range(len(tasks)), key=lambda place: tasks[place][1])
    futures: dict[Any, int] = {}
    for rank, place in enumerate(ranks):
        task, _, hosts = tasks[place]
        future = client.submit(
            work, task, pure=False, retries=RETRIES, priority=rank, workers=hosts
        )
        futures[future] = place
    outcomes: dict[int, Outcome] = {}
    try:
        for future in _ended(client, futures, tasks):
            place = futures.pop(future)
            outcome = outcomes[place] = _outcome(tasks[place][0], future)
            if outcome.option_fault:
                raise OptionError(outcome.error or "", hint=outcome.hint)
            if on_progress is not None:
                on_progress(len(outcomes), len(tasks))
    finally:
        if futures:
            client.cancel(list(futures))
    return [outcomes[place] for place in range(len(tasks))]


def _ended(
    client: Any,
    futures: Mapping[Any, int],
    tasks: Sequence[tuple[Task, int, tuple[str, ...] | None]],
) -> Iterator[Any]:
    """Yield futures as they end.

    Raises:
        JobError: No worker is left that could go on.
    """
    ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for future in list(futures):
        future.add_done_callback(ended.put)
    last = time.monotonic()
    while futures:
        try:
            future = ended.get(timeout=_LOOK_S)
        except queue.Empty:
            hosts = {_host(address) for address in client.nthreads()}
            lost = [place for place in futures.values() if not _is_readable(tasks[place][2], hosts)]
            if not lost:
                last = time.monotonic()
            elif time.monotonic() - last > LOST_S:
                name = tasks[lost[0]][0].name
                raise JobError(f"no worker is left that can read {name}") from None
            continue
        yield future


def _is_readable(wanted: tuple[str, ...] | None, hosts: set[str]) -> bool:
    return bool(hosts) if wanted is None else not hosts.isdisjoint(wanted)


def _outcome(task: Task, future: Any) -> Outcome:
    """Return what became of a task.

    Raises:
        JobError: The scheduler forgot it.
    """
    from distributed.scheduler import KilledWorker

    if future.status in ("cancelled", "lost"):
        raise JobError("the connection to the scheduler was lost")
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    error = future.exception()
    if isinstance(error, WsanalyzeError):
        return Outcome(task.name, error=str(error), hint=error.hint)
    if isinstance(error, KilledWorker):
        hint = "a capture takes up to 300 MB of a worker's memory"
        return Outcome(task.name, error="the workers that analysed it died", hint=hint)
    what = f"a fault of wsanalyze itself: {type(error).__name__}: {error}"
    return Outcome(task.name, error=what, hint="please report it")
