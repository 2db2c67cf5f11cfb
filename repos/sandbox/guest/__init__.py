"""Programs that run inside sandboxes: standard library, CPython 3.6 and later."""
