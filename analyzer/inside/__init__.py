"""What messages say: the protocols that applications speak inside WebSocket.

The stage between websocket and tables. One file a protocol; `registry` names them all, and
docs/inside.md says how to add one.
"""
