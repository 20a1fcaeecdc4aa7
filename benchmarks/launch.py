"""Runs one program and prints how long it took and how much memory it used.

Started anew for each measurement, with nothing imported: the peak that the kernel
notes for a child begins with the size of the process that started it, so that a big
parent would hide a small child.

    python -I -S launch.py OUTPUT PROGRAM ARGUMENT...   (OUTPUT: where its stdout goes)
"""

import os
import sys
import time


def main() -> None:
    """Print nanoseconds, those of processors, peak KiB, exit status."""
    output, *command = sys.argv[1:]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    redirect = [(os.POSIX_SPAWN_OPEN, 1, output, flags, 0o644)]
    begin = time.perf_counter_ns()
    child = os.posix_spawnp(command[0], command, os.environ, file_actions=redirect)
    _, status, usage = os.wait4(child, 0)
    taken = time.perf_counter_ns() - begin
    worked = round((usage.ru_utime + usage.ru_stime) * 1e9)
    print(taken, worked, usage.ru_maxrss, os.waitstatus_to_exitcode(status))


main()
