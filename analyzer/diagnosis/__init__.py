"""Diagnosis: causes, from the rows of all tables.

Reads rows and findings as they come and says why: an idle time-out, a reader that stopped, a
proxy that took a header away. Must not know packets nor how anything is shown. stage.py is
what the pipeline calls; causes.py declares each cause; each other file has one family of rules.
"""
