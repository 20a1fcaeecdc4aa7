"""What a front does: it says what it begins, then hands on batches."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.errors import CaptureAccessError
from analyzer.options import Options
from analyzer.shards.front_job import Job, batches
from analyzer.shards.parcel import Receiver
from analyzer.shards.reading import Begun, decoded

CAPTURE = Path(__file__).parents[2] / "captures" / "npm-ws-basic.pcap"


def test_begun_then_batches_then_the_rest() -> None:
    job = Job((CAPTURE,), Options(batch_bytes=600))
    begun, *packed = batches(job, decoded(job.paths, job.options))
    assert begun == Begun([str(CAPTURE)], CAPTURE.stat().st_size)
    receiver = Receiver()
    parcels = [receiver.unpack(bytearray().join(each)) for each in packed]  # type: ignore[arg-type]
    assert len(parcels) > 5
    assert sum(each.seen.packets for each in parcels if each.seen is not None) == 37
    assert [each.rest is not None for each in parcels] == [False] * (len(parcels) - 1) + [True]
    assert parcels[-1].read == CAPTURE.stat().st_size


def test_an_error_of_what_reads_is_passed_on() -> None:
    with pytest.raises(CaptureAccessError):
        list(batches(Job((), Options()), decoded(["/nowhere.pcap"], Options())))
