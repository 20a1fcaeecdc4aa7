"""Conversations of HTTP/1.1: messages in order, requests paired with responses (RFC 9112)."""
