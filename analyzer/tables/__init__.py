"""Tables: from what the stages found to rows of the schema.

`build.TableBuilder` is the door, `schema` the contract. Must not know file formats.
"""
