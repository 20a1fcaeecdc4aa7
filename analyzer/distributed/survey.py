"""What there is to analyse, and which machines have it.

Workers look, since captures may lie where the caller has no access. Those that all machines see can
be read by any; others are read where they lie. Knows names of files. Must not know what is in them,
or how workers are asked. Used by distributed.run and distributed.task.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from analyzer.capture.folders import named
from analyzer.distributed.store import file_system, is_url
from analyzer.errors import CaptureAccessError, OptionError
from analyzer.named_tuple import NamedTuple
from analyzer.sources import paths_of
from analyzer.version import __version__

State = tuple[object, ...]


class Wanted(NamedTuple):
    """What a caller names.

    Attributes:
        name: of a capture that several paths are; None: one path, of a capture or of a folder whose
            files are captures, each by itself.
        paths: files, folders, patterns of them, or URLs.
    """

    name: str | None
    paths: tuple[str, ...]


class Found(NamedTuple):
    """A capture, as a machine sees it.

    Attributes:
        name: in the dataset.
        paths: of its files.
        in_folder: whether it was found in a folder, or by a pattern; then it may be no capture.
        size: bytes; 0 where that is not known.
        state: differs where the files differ, as far as their names, sizes and times say.
    """

    name: str
    paths: tuple[str, ...]
    in_folder: bool
    size: int
    state: State


class Look(NamedTuple):
    """What a worker sees.

    Attributes:
        version: of its wsanalyze.
        found: captures.
        missing: why a path that was named cannot be read.
    """

    version: str
    found: list[Found]
    missing: dict[str, str]


class Placed(NamedTuple):
    """A capture, and which machines have it; None: all."""

    capture: Found
    hosts: tuple[str, ...] | None


def look(wanted: Sequence[Wanted], dataset: str) -> Look:
    """Return what there is of what is wanted, seen from here.

    Args:
        wanted: what a caller names.
        dataset: where tables are written. What is there already is no capture, where it lies
            within a folder that is named.

    Raises:
        OptionError: A URL that nothing can open.
    """
    found: list[Found] = []
    missing: dict[str, str] = {}
    for each in wanted:
        try:
            found += _one(each) if each.name is not None else _each(each.paths[0], dataset)
        except (CaptureAccessError, OSError) as error:
            missing[each.paths[0]] = str(error)
    return Look(__version__, found, missing)


def _one(wanted: Wanted) -> Iterator[Found]:
    """Yield a capture of several paths."""
    assert wanted.name is not None
    state = tuple(map(state_of, wanted.paths))
    size = sum(_size(path) for path in wanted.paths)
    yield Found(wanted.name, wanted.paths, False, size, state)


def _each(path: str, dataset: str) -> Iterator[Found]:
    """Yield the captures that one path, or a pattern, names."""
    if is_url(path):
        yield from _remote(path, dataset)
        return
    several = paths_of(path) or []
    is_pattern = several != [Path(path)]
    files = [each for each in several if not _is_written(str(each), path, dataset)]
    for name, file, in_folder in named(files, () if is_url(dataset) else (Path(dataset),)):
        where = str(file)
        yield Found(name, (where,), in_folder or is_pattern, _size(where), state_of(where))


def _is_written(path: str, named_as: str, dataset: str) -> bool:
    """Return whether a path is in the dataset, and what names it is not."""

    def is_within(each: str) -> bool:
        return f"{each}/".startswith(f"{dataset.rstrip('/')}/")

    return is_within(path) and not is_within(named_as)


def _remote(url: str, dataset: str) -> Iterator[Found]:
    files, root = file_system(url)
    where, inner = file_system(dataset)
    written = where.unstrip_protocol(inner)
    has_pattern = any(each in root for each in "*?[")
    is_folder = not has_pattern and files.isdir(root)
    some = files.glob(root) if has_pattern else files.find(root)
    if not some:
        raise CaptureAccessError(f"{url} names no files.")
    for file in sorted(some):
        full = files.unstrip_protocol(file)
        if _is_written(full, files.unstrip_protocol(root), written):
            continue
        info = files.info(file)
        if info["type"] != "file":
            continue
        inside = PurePosixPath(file)
        name = str(inside.relative_to(root)) if is_folder else inside.name
        state = (files.ukey(file),)
        size = info["size"] or 0
        yield Found(name, (full,), is_folder or has_pattern, size, state)


def state_of(path: str) -> State:
    """Return what differs where a file, or what is in a folder, has changed.

    Raises:
        CaptureAccessError: There is none.
    """
    try:
        if is_url(path):
            files, file = file_system(path)
            return (files.ukey(file),)
        if not os.path.isdir(path):
            return _state(os.stat(path))
        with os.scandir(path) as entries:
            some = [(each.name, *_state(each.stat())) for each in entries if each.is_file()]
        return tuple(sorted(some))
    except OSError as error:
        reason = error.strerror or str(error)
        raise CaptureAccessError(f"{path} cannot be read: {reason}.") from error


def _state(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_size, stat.st_mtime_ns


def _size(path: str) -> int:
    if not os.path.isdir(path):
        return os.stat(path).st_size
    with os.scandir(path) as entries:
        return sum(each.stat().st_size for each in entries if each.is_file())


def placed(looks: Mapping[str, Iterable[Look]], elsewhere: Look | None = None) -> list[Placed]:
    """Return the captures, and where they can be read, from what workers see.

    Args:
        looks: of the workers, by machine.
        elsewhere: of one worker: what is at URLs, which any can open.

    Raises:
        CaptureAccessError: No worker can read a path.
        OptionError: A capture's name is that of another, or machines have different files there.
    """
    hosts: dict[Found, set[str]] = {}
    missing: dict[str, list[str]] = {}
    count = 0
    for host, some in looks.items():
        for each in some:
            count += 1
            for found in each.found:
                hosts.setdefault(found, set()).add(host)
            for path, reason in each.missing.items():
                missing.setdefault(path, []).append(reason)
    for reasons in missing.values():
        if len(reasons) == count:
            raise CaptureAccessError(reasons[0])
    if elsewhere is not None:
        for reason in elsewhere.missing.values():
            raise CaptureAccessError(reason)
        hosts |= {found: set(looks) for found in elsewhere.found}
    by_name: dict[str, Found] = {}
    for found in hosts:
        other = by_name.setdefault(found.name, found)
        if (other.paths, other.state) != (found.paths, found.state):
            raise _twice(found, other)
        if not found.in_folder:
            by_name[found.name] = found  # named, and its folder too
    return [
        Placed(found, None if len(hosts[found]) == len(looks) else tuple(sorted(hosts[found])))
        for found in by_name.values()
    ]


def _twice(one: Found, other: Found) -> OptionError:
    if one.paths == other.paths:
        return OptionError(
            f"{one.paths[0]} is not the same file on all machines",
            hint="give each machine's captures names of their own, or analyse them in two runs",
        )
    return OptionError(
        f"{other.paths[0]} and {one.paths[0]} would both be named {one.name}",
        hint="analyse them in two runs, or name the folder above both",
    )
