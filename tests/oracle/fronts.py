"""An analysis by fronts and a back as in several processes, but in this one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oracle.whole import Tables, differing

from analyzer import pipeline
from analyzer.analysis import Collector
from analyzer.options import Options
from analyzer.report.output import WantsCapture, Writer
from analyzer.shards.front_job import Job, batches
from analyzer.shards.parcel import Receiver
from analyzer.shards.reading import Begun, decoded
from analyzer.shards.team import Team
from analyzer.tables.summary import Summary


def run(paths: Sequence[Path], options: Options, writers: Sequence[Writer]) -> Summary:
    """Do what pipeline.run does, with all that crosses from front to back packed."""
    team, receiver = Team(options, writers), Receiver()
    names: list[str] = []
    for made in batches(Job(tuple(paths), options), decoded(paths, options)):
        if isinstance(made, Begun):
            names = made.names
        else:
            team.push(receiver.unpack(bytearray().join(made)))
    summary = team.finish()
    summary.capture.files = names
    summary.capture.options = dict(vars(options))
    for writer in writers:
        if isinstance(writer, WantsCapture):
            writer.captured(summary.capture)
        writer.close()
    return summary


def differences(paths: Sequence[Path], options: Options) -> list[str]:
    """Return the names of the tables whose rows are not those of one process, in their order."""
    one, other = Collector(), Collector()
    pipeline.run(paths, options, [one])
    run(paths, options, [other])
    return differing(Tables(one), Tables(other))
