"""The exec server: PID 1 of a sandbox, standard library only, CPython 3.6 and later."""
