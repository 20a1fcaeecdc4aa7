"""HTTP: from byte streams to exchanges and opening handshakes.

`transactions.HttpStage` is the door. Knows HTTP/1.1 and the upgrade; must not know frames.
"""
