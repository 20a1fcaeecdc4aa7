"""Connections of HTTP/2: frames, streams, and the WebSockets in them (RFC 9113, RFC 8441)."""
