"""What the same messages would have cost over other transports.

Knows what the stages before it measured: messages with their times, TCP connections, headers of
real exchanges. Must not know how it is reported. docs/alternatives.md states every rule.
Called by pipeline, through `stage`.
"""
