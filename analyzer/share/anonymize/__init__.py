"""False names for true ones: payload, heads and addresses of a capture that is given away.

Every replacement has the length of what it replaces, and depends on a key that is drawn for each
file and kept nowhere: the same word becomes the same word everywhere in one file, and no other
file. Used by share.pcapng.
"""
