"""Git work inside a sandbox: standard library only, CPython 3.6 and later."""
