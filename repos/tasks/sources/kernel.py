"""The source "kernel": a Linux kernel of a source package with one mistake made in it.

A stable-fix task takes a published fix back; a mutation task makes a mistake of its own. Both
are `SourceEdit`s of the fixed tree. The checks, ours, are folders of `repos/data/kernel`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Annotated

from pydantic import Field

from repos.errors import RecordError
from repos.kernel.debian import SourcePackage
from repos.kernel.edits import SourceEdit, apply_edit
from repos.kernel.git_tree import GitTree
from repos.kernel.images import build_image
from repos.kernel.profiles import get_profile
from repos.kernel.trees import SOURCE_TIME, available, prepared_kernel, set_times
from repos.tasks.base import Record
from repos.tasks.sources.base import BuiltFiles, SourceRecord

RECIPES = Path(__file__).parents[2] / "data" / "kernel"
CHECKS = "checks"
REPRODUCER = "reproducer"
FACTS = f"{CHECKS}/task.json"


class ImageRecipe(Record):
    """How the image beside a check is built.

    Attributes:
        builder: Name in `repos.kernel.images.BUILDERS`.
        options: Its arguments.
    """

    builder: str
    options: dict[str, int | str] = Field(default_factory=dict)


class KernelSource(SourceRecord):
    """One mistake in a kernel.

    Attributes:
        sources: Interchangeable source packages, the best first, or one git commit.
        profile: Name of the configuration.
        edits: What makes the vulnerable side of the fixed one; none where `sources` are
            vulnerable and `fix` is the patch that mends them.
        fix: See `edits`.
        recipe: Folder of `repos/data/kernel` with the checks: `reproducer.c` is shown,
            the others are hidden.
        checks: C text of the checks by name, where there is no recipe.
        images: By a check's name, the disk that its kernel sees.
        allowed: Folders and files that a patch may change.
        about: What is known besides the crash, in Markdown.
    """

    kind: str = "kernel"
    sources: tuple[SourcePackage | GitTree, ...]
    profile: str = "small"
    edits: tuple[SourceEdit, ...] = ()
    fix: str = ""
    recipe: str = Field(default="", pattern=r"^[a-z0-9-]*$")
    checks: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]+$")], str] = Field(default_factory=dict)
    images: dict[str, ImageRecipe] = Field(default_factory=dict)
    allowed: tuple[str, ...]
    about: str = ""


class KernelMistakes:
    """Builds the files of kernel tasks."""

    record = KernelSource

    def build(self, source: KernelSource, test_paths: tuple[str, ...], dest: Path) -> BuiltFiles:
        """Build the files; see `TaskSource.build`."""
        kernel = prepared_kernel(source.sources, source.profile)
        base, hidden = dest / "base", dest / "hidden"
        shutil.copytree(kernel.folder / "tree", base, symlinks=True)
        reference = fitting(source.fix, base) if source.fix else take_back(base, source.edits)
        for name, text in check_texts(source).items():
            for side in (base, hidden) if name == REPRODUCER else (hidden,):
                target = side / CHECKS / f"{name}.c"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
                image = source.images.get(name)
                if image is not None:
                    data = build_image(image.builder, dict(image.options))
                    target.with_suffix(".img").write_bytes(data)
        facts = json.dumps({"allowed": list(source.allowed)}, indent=1) + "\n"
        for side in (base, hidden):
            (side / FACTS).write_text(facts, encoding="utf-8")
        set_times(base, SOURCE_TIME)
        return BuiltFiles(
            base=base,
            hidden=hidden,
            removed=(),
            reference=reference,
            statement=statement(source),
            held_out=None,
            repository="linux",
            base_revision=kernel.source.version,
        )

    def cache_key(self, source: KernelSource) -> str:
        """Return a hash of the checks, which may change with RepoGym, and of the package."""
        digest = hashlib.sha256(available(source.sources)[0].sha256.encode())
        for name, text in check_texts(source).items():
            digest.update(f"{name}.c\0{text}".encode())
        return digest.hexdigest()


def check_texts(source: KernelSource) -> dict[str, str]:
    """Return the C text of a task's checks by name.

    Raises:
        RecordError: There is no such recipe.
    """
    if source.checks:
        return dict(source.checks)
    return {path.stem: path.read_text(encoding="utf-8") for path in checks_of(source.recipe)}


def fitting(fix: str, base: Path) -> bytes:
    """Return the part of a patch that is about files that the build reads.

    Raises:
        RecordError: It is no patch, or none of it is.
    """
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    try:
        parts = [str(part) for part in PatchSet(fix) if (base / part.path).is_file()]
    except UnidiffParseError as error:
        raise RecordError(f"The record's patch can't be read: {error}.") from error
    if not parts:
        raise RecordError("The record's patch changes no file that this kernel's build reads.")
    return "".join(parts).encode()


def checks_of(recipe: str) -> list[Path]:
    """Return the C files of a recipe, sorted.

    Raises:
        RecordError: There is no such recipe.
    """
    found = sorted((RECIPES / recipe).glob("*.c"))
    if not any(path.stem == REPRODUCER for path in found):
        raise RecordError(f"There is no kernel recipe {recipe} with a reproducer.c.")
    return found


def take_back(base: Path, edits: tuple[SourceEdit, ...]) -> bytes:
    """Make the edits in a tree and return the patch that undoes them.

    Raises:
        RecordError: An edit does not fit.
    """
    before: dict[str, bytes] = {}
    for edit in edits:
        path = base / edit.path
        if not path.is_file():
            raise RecordError(f"The kernel has no file {edit.path} that its build reads.")
        data = path.read_bytes()
        before.setdefault(edit.path, data)
        path.write_bytes(apply_edit(data, edit))
        os.utime(path, (SOURCE_TIME, SOURCE_TIME))
    parts = []
    for name, fixed in sorted(before.items()):
        wrong = (base / name).read_bytes()
        lines = difflib.unified_diff(
            wrong.decode("utf-8", "surrogateescape").splitlines(keepends=True),
            fixed.decode("utf-8", "surrogateescape").splitlines(keepends=True),
            f"a/{name}",
            f"b/{name}",
        )
        parts.append(f"diff --git a/{name} b/{name}\n" + "".join(lines))
    return "".join(parts).encode("utf-8", "surrogateescape")


def statement(source: KernelSource) -> str:
    """Return the statement without the crash report, which the task's record holds."""
    folders = ", ".join(f"`{name}`" for name in source.allowed)
    machine = get_profile(source.profile).machine
    return f"""\
# A crash of the Linux kernel

The repository holds the files that a build of this kernel ({machine.title},
`ARCH={machine.arch}`) reads. It crashes when `{CHECKS}/{REPRODUCER}.c` runs in it{_disk(source)}.
Find the bug in the kernel's source and fix it: what is wrong must be refused or handled, and
everything that worked must go on working. Silencing the report is no fix. Other variants of the
trigger, and checks of what must work, decide. {source.about}

Only changes below {folders} count. `kernel_build` builds, `kernel_run` boots the kernel with the
reproducer and shows the crash.
"""


def _disk(source: KernelSource) -> str:
    if REPRODUCER not in source.images:
        return ""
    return f" with the disk `{CHECKS}/{REPRODUCER}.img` (a copy of it is `/dev/ubda`)"
