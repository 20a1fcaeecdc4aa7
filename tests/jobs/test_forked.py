"""Children that were forked, in a process of its own that has one thread."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from analyzer.jobs.forked import may_fork

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")


def said_by(code: str) -> list[str]:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        input="of the parent\n",
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=60,
    )
    return done.stdout.splitlines()


BEGIN = """
import os, signal, sys
from analyzer.jobs.forked import Forked, may_fork
assert may_fork()

def doubles(orders, answers):
    for line in orders:
        answers.write(line.strip() * 2 + b"\\n")
        answers.flush()
"""


def test_it_takes_orders_and_answers_and_ends_when_they_end() -> None:
    code = """
child = Forked(doubles)
child.stdin.write(b"ab\\n")
child.stdin.close()
print(child.stdout.read(), child.wait(), child.wait(1))
"""
    assert said_by(code) == ["b'abab\\n' 0 0"]


def test_a_later_child_does_not_keep_the_pipes_of_an_earlier_one_open() -> None:
    code = """
first = Forked(doubles)
second = Forked(doubles)
first.stdin.close()
print(first.stdout.read(), first.wait(20))
second.stdin.close()
print(second.wait(20))
"""
    assert said_by(code) == ["b'' 0", "0"]


def test_how_it_ended() -> None:
    code = """
def fails(orders, answers):
    raise ValueError

def leaves(orders, answers):
    sys.exit(3)

print(Forked(fails).wait(), Forked(leaves).wait())
for end in ("terminate", "kill"):
    child = Forked(doubles)
    getattr(child, end)()
    print(child.wait(20))
    getattr(child, end)()  # of a process that is gone, nothing
"""
    assert said_by(code) == ["1 0", "-15", "-9"]


def test_what_it_prints_and_whether_it_reads_the_parents_input() -> None:
    code = """
def tells(orders, answers):
    print("nobody hears this", flush=True)
    answers.write(os.read(0, 100))

for stdin in (False, True):
    child = Forked(tells, stdin=stdin)
    print(child.stdout.read())
"""
    assert said_by(code) == ["b''", "b'of the parent\\n'"]


def test_what_waits_to_be_printed_is_printed_once() -> None:
    code = """
sys.stdout.write("before ")
child = Forked(doubles)
child.stdin.close()
child.wait()
print("after")
"""
    assert said_by(code) == ["before after"]


def test_a_process_with_several_threads_is_not_forked() -> None:
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait)
    thread.start()
    try:
        assert not may_fork()
    finally:
        go_on.set()
        thread.join()


WAITS = """
def waits(orders, answers):
    answers.write(b"%d" % os.getpid())
    answers.flush()
    os.read(0, 1)  # of a pipe into which nobody writes

def ends_within(pid, seconds):
    import time
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False

idle, _writes = os.pipe()
os.dup2(idle, 0)
"""


def test_a_child_that_waits_for_input_ends_with_its_parent_however_that_ends() -> None:
    code = """
def parent(orders, answers):
    child = Forked(waits, stdin=True)
    answers.write(os.read(child.stdout.fileno(), 20))
    answers.flush()
    os.read(0, 1)

middle = Forked(parent, stdin=True)
pid = int(os.read(middle.stdout.fileno(), 20))
middle.kill()
# Nor does it keep open what its parent would have answered with.
print(middle.stdout.read(), middle.wait(), ends_within(pid, 20))
"""
    assert said_by(WAITS + code) == ["b'' -9 True"]


def test_a_signal_while_it_is_forked_is_the_parents_alone() -> None:
    code = """
def interrupted(*_):
    said.append(os.getpid())

said = []
signal.signal(signal.SIGINT, interrupted)
real = os.fork
def fork():
    pid = real()
    if not pid:
        os.kill(os.getpid(), signal.SIGINT)
    return pid
os.fork = fork
child = Forked(doubles)
child.stdin.close()
print(child.stdout.read(), child.wait(), said)
"""
    # It ends as the system has it, not by what the parent does at Ctrl-C.
    assert said_by(code) == ["b'' -2 []"]


def test_closed_standard_streams_are_no_ends_of_its_pipes() -> None:
    code = """
out = os.dup(1)
for number in range(3):
    os.close(number)
sys.stdin = sys.stdout = sys.stderr = None
child = Forked(doubles)
child.stdin.write(b"ab\\n")
child.stdin.close()
os.write(out, b"%r %d" % (child.stdout.read(), child.wait()))
"""
    assert said_by(code) == ["b'abab\\n' 0"]
