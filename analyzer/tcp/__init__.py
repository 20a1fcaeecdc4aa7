"""TCP: from segments to byte streams with their map to packets.

`reassembly.Reassembler` is the door. Knows order, loss and acknowledgement; must not know what
the bytes mean.
"""
