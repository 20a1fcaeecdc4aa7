"""Packets: from records to TCP segments.

`decode.PacketDecoder` is the door. Knows headers up to TCP; must not know connections.
"""
