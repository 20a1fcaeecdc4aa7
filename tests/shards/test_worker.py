"""The process of a front, without the process: what it answers."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

from analyzer.errors import CaptureAccessError, JobError
from analyzer.jobs import wire
from analyzer.options import Options
from analyzer.shards import worker
from analyzer.shards.answers import unpacked_error
from analyzer.shards.front_job import Job

CAPTURE = Path(__file__).parents[2] / "captures" / "npm-ws-basic.pcap"


def answers(job: Job | None) -> list[tuple[bytes, bytes]]:
    orders, said = io.BytesIO(), io.BytesIO()
    if job is not None:
        wire.write(orders, pickle.dumps(job))
    orders.seek(0)
    worker.serve(orders, said)
    said.seek(0)
    out = []
    while (packed := wire.read(said)) is not None:
        out.append((bytes(packed[:64]), bytes(packed[64:])))
    return out


def test_it_answers_batches_and_that_it_is_done() -> None:
    kinds = [kind for kind, _ in answers(Job((CAPTURE,), Options()))]
    assert kinds[0] == worker.BEGUN
    assert kinds[-1] == worker.DONE
    assert set(kinds[1:-1]) == {worker.BATCH}


def test_it_answers_what_failed() -> None:
    ((kind, said),) = answers(Job(("/nowhere.pcap",), Options()))
    assert kind == worker.FAILED
    assert isinstance(unpacked_error(said), CaptureAccessError)


def test_it_answers_a_fault_of_its_own(monkeypatch) -> None:
    def fails(job: Job, captures: object) -> object:
        raise ValueError("a fault of our own")

    monkeypatch.setattr(worker, "batches", fails)
    ((kind, said),) = answers(Job((CAPTURE,), Options()))
    error = unpacked_error(said)
    assert kind == worker.FAILED
    assert isinstance(error, JobError)
    assert str(error).endswith("failed: ValueError: a fault of our own")
    assert "Traceback" in error.__notes__[0]


def test_without_a_job_it_ends() -> None:
    assert answers(None) == []
