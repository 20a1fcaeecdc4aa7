"""TLS: records, hellos and sessions. Without keys; what is inside stays encrypted.

The stage between tcp and http: it notes what a TLS session says in the clear, and how long
its handshake took, and hands rows on as they came.
"""
