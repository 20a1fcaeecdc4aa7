"""WebSocket: from byte streams and upgrades to frames, messages, pings and closes.

`stage.WebSocketStage` is the door. Knows RFC 6455 and RFC 7692; must not know tables.
"""
