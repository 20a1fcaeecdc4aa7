"""Many captures on a cluster: each is a task for a worker of Dask (extra `[dask]`).

    >>> from analyzer import distributed
    >>> distributed.analyze(["/captures"], folder="/tables")      # on this machine
    >>> distributed.analyze(["/captures"], client, folder="/tables")
    >>> distributed.analyze({"edge": ["edge-1.pcap", "edge-2.pcap"]}, client, folder="s3://b/tables")

A capture, or several files that are one, is analysed by one worker, as one process does it; what
workers share is a Parquet dataset (report.dataset). docs/scale.md has the costs.
"""

from analyzer.distributed.run import analyze

__all__ = ["analyze"]
