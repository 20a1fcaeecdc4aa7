"""The screen of a live run: what it knows (model), its pages, and what keys do on them.

`model.Model` takes rows, `whole.Screen` takes keys and yields lines of text. Nothing here knows the
terminal: report.live_view puts the lines on it. Text from traffic goes through `harmless`.
"""
