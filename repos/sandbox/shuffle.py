# Runs in sandboxes, on old Pythons too, with the standard library only.
# ruff: noqa: PTH102, PTH107, PTH112, PTH113, PTH114, PTH115, PTH118, PTH208, PTH211
"""Runs inside: makes a folder tree anew, with its entries in another order.

A memory file system lists what was made last first, so the order of making is the order of
listing; an ordinary one may have an order of its own (ext4's is by hash).
Run: `shuffle.py SEED FOLDER MOUNTED...`; what is mounted in it stays.
"""

import os
import random
import shutil
import sys
import tempfile


def shuffle(folder, mounted, rng, aside):
    """Make all entries of a folder anew but those that are mounted or lead to such."""
    movable = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if path in mounted:
            continue
        if any(each.startswith(path + "/") for each in mounted):
            shuffle(path, mounted, rng, aside)
        else:
            movable.append(name)
    kept = tempfile.mkdtemp(dir=aside)
    for name in movable:
        copy(os.path.join(folder, name), os.path.join(kept, name), None)
        remove(os.path.join(folder, name))
    rng.shuffle(movable)
    for name in movable:
        copy(os.path.join(kept, name), os.path.join(folder, name), rng)
    shutil.rmtree(kept)


def copy(source, target, rng):
    """Copy a file, a link or a folder; `rng` shuffles the order of a folder's entries."""
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
    elif os.path.isdir(source):
        os.mkdir(target)
        names = sorted(os.listdir(source))
        if rng is not None:
            rng.shuffle(names)
        for name in names:
            copy(os.path.join(source, name), os.path.join(target, name), rng)
        shutil.copystat(source, target)
    elif os.path.isfile(source):
        shutil.copy2(source, target)


def remove(path):
    """Remove a file, a link or a folder."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def main(seed, folder, *mounted):
    """Shuffle a folder."""
    aside = tempfile.mkdtemp()
    shuffle(folder, set(mounted), random.Random(int(seed)), aside)
    shutil.rmtree(aside)


if __name__ == "__main__":
    main(*sys.argv[1:])
