"""What stands in the way of bars that are missed, by profiles (perf, cProfile, callgrind).

RESULTS.md has the sentences of those that were missed. A change that removes an obstacle changes
its sentence. Knows words alone; used by run.
"""

from __future__ import annotations

from typing import Final

SUMMARY: Final = (
    "a fifth of a second goes by before there is a second process: the interpreter, numpy and "
    "modules of the stages. Then the process that follows connections is what all wait for: "
    "kernels (stream assembly, frame walk) take most of it, packing what they made a tenth."
)
CAPINFOS: Final = (
    "capinfos looks into no packet. Starting the interpreter and importing numpy alone takes as "
    "long as a fifth of its run."
)
CSV: Final = (
    "on two cores one process analyses while another formats cells and writes them, which takes as "
    "long as the summary of one process. A bar of 18x leaves less time than either takes."
)
CONNECTIONS: Final = (
    "opening, end and rows of a connection are Python and small arrays: about 220 us each, spread "
    "evenly. The comparison with other transports takes a quarter (two thirds of that the model of "
    "nine transports, with gzip and without), the websocket stage a fifth, the tables a sixth, the "
    "handshake's heads a seventh, diagnoses a ninth. Connections and handshakes would have to be "
    "kept in columns, from the heads on."
)
JOBS: Final = (
    "connections are followed by one process, which takes three fifths of what one process alone "
    "takes; the back (tables, alternatives, diagnosis) takes two fifths in another, reading a "
    "seventh in a third. Several processes that each follow a part of the connections would need "
    "the order among connections from each other: see docs/architecture.md."
)
LARGE: Final = (
    "unmasking and checking UTF-8 is a twentieth of the time, reading the file a tenth. About half "
    "is the fixed cost of a batch (a millisecond of Python and numpy for each MiB, whatever is in "
    "it: some 1,300 calls, of which no stage has more than a fifth), a sixth starting. Batches of "
    "2 MiB would take a fifth off, but a MiB of frames of one byte takes 300 MB: the frame walk "
    "would have to stop in the middle of a batch."
)
DEFLATE: Final = (
    "a third of the time is reading what the JSON says: a Python object for each payload, its head "
    "and its members, and an entry for each id that may come back; it would have to work on one "
    "buffer with offsets. A quarter is inflating, of which a third waits for memory: windows of "
    "200 directions (6 MB) are in no near cache. The rest is what any message costs."
)
MEMORY: Final = (
    "what grows is bounded by connections, not by bytes: up to 4096 finished ones are remembered "
    "(7 kB each, state of all stages by slot), up to 32,768 ended ones wait for the diagnoses (2.5 "
    "kB each, most of it Python integers). 200 MB have 1200 connections, 2 GB 12,100. With both "
    "limits at 100 the peaks are equal. Facts of ended connections would have to be columns."
)
WSS: Final = (
    "a quarter of the time goes into TLS, in about equal parts into the handshakes (Python, half a "
    "millisecond for each session), cutting records and laying their rows, and opening them (a "
    "kernel for the records, a call of the package cryptography for each direction in a batch of "
    "1 MiB). Starting takes as much, the websocket stage a sixth."
)
START: Final = (
    "two fifths of the start are the interpreter and numpy, which cannot be made shorter here; a "
    "third are some 270 modules of this package, each small, the rest the analysis and its report. "
    "Fewer modules need to be loaded if stages that see nothing (tls, names, deliveries over plain "
    "HTTP) come later."
)
