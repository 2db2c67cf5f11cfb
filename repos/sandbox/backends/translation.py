"""Paths of a sandbox without a file system of its own: `/testbed` is a folder of the host.

Arguments, variables and JSON on standard input are rewritten on their way in, output on its way
out. It is text that is replaced: a program that puts the path together, or reads it from a file,
finds nothing there.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

BEFORE = rb"(?<![\w.~/-])"
AFTER = rb"(?![\w.~-])"


class Translation:
    """Pairs of a path inside and the folder or file of the host that stands for it."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Take the pairs; of two that fit, the longer one counts."""
        self._in = {os.fsencode(inside): os.fsencode(outside) for inside, outside in pairs}
        self._out = {outside: inside for inside, outside in self._in.items()}
        self._find_in = self._pattern(self._in)
        self._find_out = self._pattern(self._out)

    @staticmethod
    def _pattern(table: dict[bytes, bytes]) -> re.Pattern[bytes]:
        words = b"|".join(re.escape(w) for w in sorted(table, key=len, reverse=True))
        return re.compile(BEFORE + b"(" + words + b")" + AFTER)

    def into(self, text: str) -> str:
        """Return a path, or a text with paths in it, as the host knows it."""
        return os.fsdecode(self.into_bytes(os.fsencode(text)))

    def into_bytes(self, data: bytes) -> bytes:
        """Return bytes with the paths in them as the host knows them."""
        return self._find_in.sub(lambda found: self._in[found.group(1)], data)

    def out_of(self, data: bytes) -> bytes:
        """Return output with the host's paths as they are called inside."""
        return self._find_out.sub(lambda found: self._out[found.group(1)], data)


def shadow_environment(source: Path, target: Path, translation: Translation) -> None:
    """Make an environment whose import path leads to a copied workspace.

    Its packages are links to the layer's; what names folders (`.pth` files, scripts) is copied.

    Args:
        source: The environment layer, with its `pyvenv.cfg`.
        target: Folder to make.
        translation: Of the sandbox.
    """
    target.mkdir()
    for entry in source.iterdir():
        to = target / entry.name
        if entry.is_symlink():
            to.symlink_to(entry.readlink())
        elif entry.name == "bin":
            shutil.copytree(entry, to, symlinks=True)
        elif entry.name == "lib":
            for version in entry.glob("python*"):
                packages = to / version.name / "site-packages"
                packages.mkdir(parents=True)
                for item in (version / "site-packages").iterdir():
                    if item.suffix == ".pth":
                        text = translation.into_bytes(item.read_bytes())
                        (packages / item.name).write_bytes(text)
                    else:
                        (packages / item.name).symlink_to(item)
        elif entry.is_file() and entry.name == "pyvenv.cfg":
            shutil.copyfile(entry, to)
        else:
            to.symlink_to(entry)
