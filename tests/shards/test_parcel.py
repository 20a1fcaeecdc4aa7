"""What crosses from a front to the back: nothing that the tables need is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle.fronts import differences

from analyzer.alternatives.sampling import SAMPLE
from analyzer.options import Options
from analyzer.shards.front_job import Job, batches
from analyzer.shards.parcel import Handed, Receiver
from analyzer.shards.reading import decoded

CAPTURES = Path(__file__).parents[2] / "captures"
NAMES = sorted(
    path.relative_to(CAPTURES).as_posix()
    for folder in (CAPTURES, CAPTURES / "faults", CAPTURES / "peers")
    for path in folder.glob("*.pcap*")
)


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_those_of_one_process(name: str) -> None:
    assert differences([CAPTURES / name], Options()) == []


@pytest.mark.parametrize("batch_bytes", [900, 20_000])
@pytest.mark.parametrize("name", ["socket-io-room.pcap", "http2-clear.pcap", "chat-long-poll.pcap"])
def test_also_in_many_batches(name: str, batch_bytes: int) -> None:
    options = Options(batch_bytes=batch_bytes, payload="full", show_secrets=True)
    assert differences([CAPTURES / name], options) == []


def test_also_of_several_files_and_without_half_of_the_stages() -> None:
    paths = [CAPTURES / name for name in ("npm-ws-basic.pcap", "chat-long-poll.pcap")]
    options = Options(inside=False, alternatives=False, diagnosis=False, payload="none")
    assert differences(paths, options) == []


def test_how_messages_begin_goes_along_where_somebody_reads_it() -> None:
    (path,) = [CAPTURES / "npm-ws-basic.pcap"]
    sizes = []
    for previews in (True, False):
        job = Job((path,), Options(), previews=previews)
        _, *packed = batches(job, decoded(job.paths, job.options))
        parcels = [bytearray().join(each) for each in packed]  # type: ignore[arg-type]
        sizes.append(sum(map(len, parcels)))
        receiver = Receiver()
        made = [receiver.unpack(each).batch for each in parcels]
        begins = [each for one in made if one.inside is not None for each in one.inside.previews]
        assert any(begins) == previews
    assert sizes[0] > sizes[1]


def test_samples_are_those_of_the_batch() -> None:
    handed = Handed(2)
    sample = np.zeros(2, SAMPLE)
    sample["answers"] = 7
    handed.add({4: sample})
    taken = handed.take([3, 4])
    assert taken["answers"].tolist() == [[0, 0], [7, 7]]
    handed.forget([4])
    handed.add({})
    assert not handed.take([4])["answers"].any()
