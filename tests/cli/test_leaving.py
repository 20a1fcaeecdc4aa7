"""The end: all is written, registered functions are called, threads are waited for."""

import subprocess
import sys

END = """
import {first}
from analyzer.cli.leaving import leave
def run():
    {body}
status = leave(run())
print("returned", flush=True)
sys.exit(status)
"""


def ended(body, first="sys"):
    """Return status and output of a run that does `body` in place of the command line."""
    done = subprocess.run(
        [sys.executable, "-c", END.format(first=first, body=body)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_end_writes_all_that_was_said_and_takes_the_status():
    said = "sys.stdout.write('x' * 100_000 + '!'); sys.stderr.write('?'); return 7"
    assert ended(said) == (7, "x" * 100_000 + "!", "?")


def test_what_was_registered_for_the_end_is_done_once():
    said = "atexit.register(print, 'last'); return 0"
    assert ended(said, "atexit, sys") == (0, "last\n", "")


def test_other_threads_are_waited_for_by_the_interpreter():
    said = "threading.Thread(target=lambda: (time.sleep(0.05), print('done'))).start(); return 3"
    status, out, _ = ended(said, "sys, threading, time")
    assert status == 3
    assert sorted(out.split()) == ["done", "returned"]


def test_a_profiler_gets_to_its_own_end():
    said = "sys.setprofile(lambda *given: None); return 0"
    assert ended(said) == (0, "returned\n", "")


def test_output_that_cannot_be_written_is_left_to_the_interpreter():
    said = "sys.stdout.write('lost'); return 0"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", END.format(first="sys", body=said)],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode != 0
    assert "No space left" in done.stderr
    assert ended("sys.stdout.close(); return 5")[0] == 1  # of the print behind it
    assert ended("sys.stdout = None; return 0") == (0, "", "")
