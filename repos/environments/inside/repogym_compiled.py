"""Finds the compiled modules of the package under test, which nobody builds here.

A repository with C code is tested with the compiled modules of one of its releases: they lie in
the environment, away from the sources, and are found where the sources have none. Standard library
only, Python 3.6 and newer.
"""

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import spec_from_file_location

ROOT = os.path.join(sys.prefix, "compiled")


class CompiledModules:
    """Comes last on `sys.meta_path`: what the sources have goes before."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Return where a compiled module lies, or None."""
        stem = os.path.join(ROOT, *name.split("."))
        for suffix in EXTENSION_SUFFIXES:
            if os.path.isfile(stem + suffix):
                return spec_from_file_location(name, stem + suffix)
        return None


sys.meta_path.append(CompiledModules)
