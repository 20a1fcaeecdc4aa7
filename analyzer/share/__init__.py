"""Captures to share: the packets of chosen connections, with comments, keys or false names.

Knows files, packets and rows of tables. Must not know how tables are made. Used by cli.
"""
