"""Builds the kernel of a source package once, and for each task what differs from it.

`kernels/KEY` of the cache holds `tree/` (what the build reads of the source, nothing else),
`build/` (the output folder); `kernels/KEY-checked` holds what its first boot said. Times are set
so that make finds nothing to do: sources are older than outputs, and whatever an agent or a patch
writes is newer. Outputs are as old as their build, because programs that run while building
(objtool, parts of User-Mode Linux) depend on the headers of this machine, which must not be newer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repos.cache import cache_root, platform_key, publish, remove_tree
from repos.errors import InfrastructureError, InputError, RecordError
from repos.kernel.booting import clean_boot
from repos.kernel.building import OUTPUT, PINNED, make_command, read_build, used_cpu_s
from repos.kernel.debian import SourcePackage, first_available, unpack
from repos.kernel.edits import apply_edit
from repos.kernel.git_tree import GitTree, check_commit, unpack_commit
from repos.kernel.images import find_program
from repos.kernel.machines import PREBUILT, Machine
from repos.kernel.profiles import Profile, get_profile
from repos.sandbox.protocol import TESTBED, Layers, Mount, SandboxSpec
from repos.sandbox.workspace import Workspace

FORM = 3
"""Changes whenever trees or builds of the same facts come out differently."""

SOURCE_TIME = 946684800
FACTS = "facts.json"
WORK = "/opt/repogym/kernel-build"
CCACHE = "/opt/repogym/ccache"
FULL_BUILD_TIMEOUT_S = 7200.0
WHOLE = ("scripts/", "tools/include/", "usr/")
"""Folders that are kept whole: what they hold is read by more than the compiler."""
PLAIN = "KASAN_SANITIZE := n\nUBSAN_SANITIZE := n\n"
WITH_SCRIPTS = ("kernel/", "lib/", "include/", "arch/x86/", "init/", "security/", "certs/", "mm/")
"""Folders with tables and scripts that make reads and that no `.cmd` file names."""

NEEDED = {
    "gcc": "gcc", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc", "ccache": "ccache",
    "mksquashfs": "squashfs-tools", "genisoimage": "genisoimage",
    "xz": "xz-utils", "mke2fs": "e2fsprogs",
    "apt-get": "apt", "dpkg-deb": "dpkg",
}  # fmt: skip
"""Program to the Debian package that brings it."""

SANDBOX = SandboxSpec(
    memory_mb=4096, processes=512, disk_mb=2048, tmp_mb=2048, tmp_exec=True, seccomp="ptrace"
)
"""What building and booting needs: User-Mode Linux traces its processes."""


@dataclass(frozen=True)
class Kernel:
    """A kernel that is built.

    Attributes:
        folder: Holds `tree`, `build` and `cost.json` (CPU seconds of the build).
        facts: The file with the baseline.
        source: What it was made of.
        baseline: Titles that its clean boot has.
        machine: What it runs on.
    """

    folder: Path
    facts: Path
    source: Source
    baseline: Sequence[str]
    machine: Machine


def missing_programs(machine: Machine | None = None) -> dict[str, str]:
    """Return the programs that are missing here, with the packages that bring them.

    Args:
        machine: Also what this one needs.
    """
    needed = NEEDED | dict(machine.needs if machine else ())
    missing = {name: package for name, package in needed.items() if not find_program(name)}
    if not Path("/usr/include/stdio.h").is_file():
        missing["stdio.h"] = "libc6-dev"
    if not Path("/usr/include/libelf.h").is_file():
        missing["libelf.h"] = "libelf-dev"
    return missing


def check_programs(machine: Machine | None = None) -> None:
    """Make sure that everything is there; see `missing_programs`.

    Raises:
        InputError: Something is missing; the message holds the command.
    """
    missing = missing_programs(machine)
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        raise InputError(
            f"Kernels can't be built here, {', '.join(missing)} not found: run "
            f"`apt-get install -y --no-install-recommends {packages}` as root."
        )


Source = SourcePackage | GitTree
"""Where a kernel comes from."""


def available(sources: Sequence[Source]) -> tuple[Source, Path]:
    """Return the first source that can be had, and its package or repository.

    Raises:
        InfrastructureError: None can be fetched.
        InputError: A git repository lacks the commit.
    """
    for source in sources:
        if isinstance(source, GitTree):
            return source, check_commit(source)
    return first_available([s for s in sources if isinstance(s, SourcePackage)])


def kernel_key(source: Source, profile: Profile) -> str:
    """Return a hash of all that a built kernel depends on."""
    compiler = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True)
    facts = [source.sha256, profile.fragment, profile.ubsan, compiler.stdout, FORM]
    if profile.machine.name != "uml":
        edits = [edit.model_dump() for edit in profile.machine.edits]
        facts += [profile.machine.name, profile.machine.plain, PLAIN, edits]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20] + platform_key()[:4]


def prepared_kernel(
    sources: Sequence[Source],
    profile: str = "small",
    say: Callable[[str], None] = lambda line: None,
) -> Kernel:
    """Return the built kernel of the first source that can be had, building it where missing.

    Args:
        sources: Interchangeable ones, the best first.
        profile: Name of the configuration.
        say: Gets lines of progress.

    Raises:
        InputError: A program is missing.
        InfrastructureError: The source can't be fetched, or it does not build or boot.
    """
    chosen = get_profile(profile)
    machine = chosen.machine
    check_programs(machine)
    source, package = available(sources)
    key = kernel_key(source, chosen)

    def build(folder: Path) -> None:
        say(f"unpacking {source.package} {source.version}")
        full = folder / "full"
        full.mkdir()
        if isinstance(source, GitTree):
            unpack_commit(source, full, machine.drivers)
        else:
            unpack(package, full, machine.drivers)
        _fit(full, chosen)
        set_times(full, SOURCE_TIME)
        (folder / "build").mkdir()
        say(f"building it: about {machine.cpu_s} CPU seconds without a compiler cache")
        cost = _build_base(full, folder / "build", chosen)
        say(f"built with {cost:.0f} CPU seconds")
        (folder / "cost.json").write_text(json.dumps({"cpu_s": cost}), encoding="utf-8")
        _keep_what_is_read(full, folder / "build", folder / "tree", machine)
        remove_tree(full)
        set_times(folder / "tree", SOURCE_TIME)
        set_times(folder / "build", int(time.time()))

    folder = publish(f"kernels/{key}", build)

    def check(place: Path) -> None:
        say("booting it once")
        facts = {"baseline": _baseline(folder, place, machine), "machine": machine.name}
        (place / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")

    # An entry of its own: where the boot fails, what was built stays.
    checked = publish(f"kernels/{key}-checked", check)
    facts = json.loads((checked / FACTS).read_text(encoding="utf-8"))
    return Kernel(folder, checked / FACTS, source, facts["baseline"], machine)


def changed_build(kernel: Kernel, base: Path, patched: Mapping[str, bytes] | None = None) -> Path:
    """Return the folder with the build of a tree that differs from a kernel's own.

    A sandbox is shown it at `PREBUILT`: `build/` and `facts.json`, and nothing of the
    unchanged source, which is the fixed one.

    Args:
        kernel: The built one.
        base: The tree, with the same times.
        patched: By path, what stands in the place of files of `base`.

    Raises:
        InfrastructureError: It does not build.
    """
    own, patched = kernel.folder / "tree", dict(patched or {})
    differing = [name for name in files_below(base) if _differs(base, own, name)]
    texts = {name: (base / name).read_bytes() for name in differing} | patched
    changed = {
        name: text
        for name, text in sorted(texts.items())
        if not (own / name).is_file() or (own / name).read_bytes() != text
    }
    digest = hashlib.sha256()
    for name, text in changed.items():
        digest.update(name.encode() + b"\0" + text)
    key = f"{kernel.folder.name}-{digest.hexdigest()[:16]}"

    def build(folder: Path) -> None:
        shutil.copytree(kernel.folder / "build", folder / "build", symlinks=True)
        if changed:
            tree = folder / "tree"
            shutil.copytree(own, tree, symlinks=True)
            for name, text in changed.items():
                (tree / name).write_bytes(text)  # newer than what was built of it
            _make(tree, folder / "build", [make_command(kernel.machine, output=WORK)])
            remove_tree(tree)
        _move_tools(folder / "build")
        set_times(folder / "build", int(time.time()))
        shutil.copyfile(kernel.facts, folder / FACTS)

    return publish(f"kernels/{key}", build)


def _move_tools(build: Path) -> None:
    """Let make believe that the tools were built where workspaces build.

    Their recorded commands hold the output folder's path. From another one make would build
    objtool anew, and with it all objects.
    """
    for path in (build / "tools").rglob(".*.cmd"):
        path.write_bytes(path.read_bytes().replace(WORK.encode(), OUTPUT.encode()))


def files_below(root: Path) -> list[str]:
    """Return the regular files below a folder, relative and sorted."""
    found = []
    for folder, _, files in os.walk(root):
        found += [os.path.relpath(os.path.join(folder, name), root) for name in files]  # noqa: PTH118
    return sorted(name for name in found if not (root / name).is_symlink())


def set_times(root: Path, seconds: int) -> None:
    """Give everything below a folder one time."""
    for folder, _, files in os.walk(root):
        for name in files:
            os.utime(Path(folder, name), (seconds, seconds), follow_symlinks=False)
        os.utime(folder, (seconds, seconds))


def _differs(base: Path, tree: Path, name: str) -> bool:
    if name.startswith(("checks/", ".git/")):
        return False
    one, other = base / name, tree / name
    if not other.is_file() or one.stat().st_size != other.stat().st_size:
        return True
    return one.read_bytes() != other.read_bytes()


def _fit(full: Path, profile: Profile) -> None:
    """Say in makefiles where UBSAN goes and where no sanitizer does; make the machine's edits."""
    lines = dict.fromkeys(profile.ubsan, "UBSAN_SANITIZE := y\n")
    lines |= dict.fromkeys(profile.machine.plain, PLAIN)
    for name, text in lines.items():
        with (full / name / "Makefile").open("a", encoding="utf-8") as makefile:
            makefile.write(f"\n{text}")
    for edit in profile.machine.edits:
        path = full / edit.path
        with contextlib.suppress(RecordError):  # other versions do without it
            path.write_bytes(apply_edit(path.read_bytes(), edit))


def _build_base(full: Path, output: Path, profile: Profile) -> float:
    machine = profile.machine
    command = make_command(machine, output=WORK)
    merge = [
        "sh", "-c",
        "cat > /tmp/fragment && scripts/kconfig/merge_config.sh -m -O $0 $0/.config /tmp/fragment",
        WORK,
    ]  # fmt: skip
    _, cost = _make(
        full,
        output,
        [
            make_command(machine, "tinyconfig", output=WORK),
            merge,
            make_command(machine, "olddefconfig", output=WORK),
            command,
        ],
        stdin=profile.fragment.encode(),
    )
    return cost


def _make(
    tree: Path, output: Path, commands: list[list[str]], stdin: bytes = b""
) -> tuple[list[str], float]:
    """Run make in a sandbox that may write to the output folder.

    Returns:
        What was compiled, and the CPU seconds used.
    """
    from repos.sandbox.backends.bubblewrap.backend import own_layer
    from repos.sandbox.namespaces.rootview import AGENT_UID
    from repos.sandbox.select import get_backend

    for folder in (tree, output):
        own_layer(folder)
    ccache = cache_root() / "ccache"
    ccache.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:  # what is in it is the agent's already, and other builds change it now
        os.chown(ccache, AGENT_UID, AGENT_UID)
    mounts = (Mount(output, WORK, writable=True), Mount(ccache, CCACHE, writable=True))
    # ccache stands in for gcc by its name, so that the recorded commands are gcc's.
    path = "/usr/lib/ccache:/usr/local/bin:/usr/bin:/bin"
    env = {**PINNED, "CCACHE_DIR": CCACHE, "HOME": "/tmp", "PATH": path}
    backend = get_backend("auto")
    compiled: list[str] = []
    try:
        with Workspace(backend.create(Layers((tree,), mounts), SANDBOX)) as workspace:
            for command in commands:
                done = workspace.exec(command, env=env, stdin=stdin, timeout_s=FULL_BUILD_TIMEOUT_S)
                compiled += read_build(done).compiled
                if done.exit_code != 0:
                    errors = "; ".join(str(d) for d in read_build(done).errors[:3])
                    raise InfrastructureError(
                        f"The kernel can't be built: {errors or done.text[-400:]}"
                    )
            cost = used_cpu_s(workspace)
    finally:
        backend.close()
    return compiled, cost


def _keep_what_is_read(full: Path, output: Path, tree: Path, machine: Machine) -> None:
    """Copy what the build read: compilers, kconfig and make say it in their own files."""
    text = []
    for folder, _, files in os.walk(output):
        for name in files:
            if name.endswith(".cmd"):
                text.append(Path(folder, name).read_text("utf-8", "replace"))
    named = set(re.findall(rf"{TESTBED}/([\w./+-]+)", "\n".join(text)))
    named |= set(re.findall(r"(?<![\w/])((?:\w[\w.+-]*/)*Kconfig[\w.-]*)", "\n".join(text)))
    kept = {os.path.normpath(name) for name in named}
    whole = WHOLE + machine.whole
    for name in files_below(full):
        makefile = re.search(r"(^|/)(Makefile|Kbuild)[\w.-]*$", name)
        script = name.startswith(WITH_SCRIPTS) and not name.endswith((".c", ".h", ".S"))
        if name in kept or makefile or script or name.startswith(whole) or "/" not in name:
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(full / name, target)
    for folder, names, files in os.walk(full):
        for name in (*names, *files):
            link = Path(folder, name)
            target = tree / link.relative_to(full)
            if link.is_symlink() and target.parent.is_dir() and not target.is_symlink():
                target.symlink_to(link.readlink())


def _baseline(folder: Path, place: Path, machine: Machine) -> list[str]:
    """Make sure that the tree alone is enough, and return the titles of a clean boot."""
    from repos.sandbox.select import get_backend

    scratch = place / "scratch"
    shutil.copytree(folder / "build", scratch, symlinks=True)
    # The kernel's own rules compile what belongs to the host (arch/um, arch/x86/um) each time.
    made, _ = _make(folder / "tree", scratch, [make_command(machine, output=WORK)])
    compiled = [name for name in made if not name.startswith(("arch/", "init/version"))]
    remove_tree(scratch)
    if compiled:
        raise InfrastructureError(f"make compiles {compiled[0]} anew although nothing changed.")
    backend = get_backend("auto")
    try:
        layers = Layers((folder / "tree",), (Mount(folder / "build", f"{PREBUILT}/build"),))
        with Workspace(backend.create(layers, SANDBOX)) as workspace:
            done = clean_boot(workspace, machine)
    finally:
        backend.close()
    if done.status != 0:
        raise InfrastructureError(
            f"The kernel does not boot in a sandbox: {done.summary}. {done.console[-300:]}"
        )
    return list(done.titles)
