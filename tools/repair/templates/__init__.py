"""Repair templates: each looks at one kind of node and proposes changes of it.

The families are those of the literature: PAR (Kim et al., ICSE 2013), SPR (Long and Rinard,
FSE 2015), TBar (Liu et al., ISSTA 2019) and, for Python's own errors, PyTER (Oh and Oh, FSE
2022). `patch_generation` asks them all.
"""
