"""Fetches a kernel's source from Debian's archive and unpacks what a build may read."""

from __future__ import annotations

import hashlib
import lzma
import re
import subprocess
import tarfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from repos.cache import cache_root, offline, publish
from repos.errors import InfrastructureError, InputError, NotPreparedError

DOWNLOAD_TIMEOUT_S = 1800.0
KEPT_EVERYWHERE = re.compile(r"(^|/)(Kconfig[^/]*|Makefile[^/]*|Kbuild[^/]*)$")
LEFT_OUT = re.compile(
    r"(Documentation|samples|sound|LICENSES|rust|tools/(perf|testing|power|bpf)"
    r"|arch/(?!um/|x86/)|drivers/(?!base/|block/|char/|tty/|input/|virtio/|ptp/|pps/))"
)
"""What no build of ours reads; makefiles and Kconfig files stay everywhere."""


class SourcePackage(BaseModel):
    """One source package that holds the kernel; several may be interchangeable.

    Attributes:
        package: Debian's name, for example "linux-source-6.1".
        version: Its version, for example "6.1.192-2".
        sha256: Of the package's file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str = Field(pattern=r"^linux-source-[0-9.]+$")
    version: str = Field(pattern=r"^[0-9][A-Za-z0-9.+~-]*$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


def first_available(sources: Sequence[SourcePackage]) -> tuple[SourcePackage, Path]:
    """Return the first package that is stored or can be fetched, and its file.

    Raises:
        InfrastructureError: None can be fetched.
        NotPreparedError: None is stored and REPOGYM_OFFLINE is set.
    """
    for source in sources:
        path = _stored(source)
        if path.is_file():
            return source, path
    problems = []
    for source in sources:
        try:
            return source, fetch(source)
        except InfrastructureError as error:
            problems.append(str(error))
    raise InfrastructureError(" ".join(problems) or "The task names no kernel source.")


def _stored(source: SourcePackage) -> Path:
    return cache_root() / "archives" / f"kernel-{source.sha256[:24]}" / "source.deb"


def fetch(source: SourcePackage) -> Path:
    """Return a package's file, downloaded with apt where it is missing.

    Raises:
        InfrastructureError: apt did not give it, or gave another file.
        NotPreparedError: It is not stored and REPOGYM_OFFLINE is set.
    """
    if offline() and not _stored(source).is_file():
        raise NotPreparedError(
            f"{source.package} {source.version} is not stored and REPOGYM_OFFLINE is set: run "
            "`repogym kernel prepare` once where Debian's archive answers."
        )

    def download(folder: Path) -> None:
        named = f"{source.package}={source.version}"
        try:
            done = subprocess.run(
                ["apt-get", "download", named], cwd=folder, capture_output=True, text=True,
                timeout=DOWNLOAD_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except FileNotFoundError:
            raise InputError(
                "apt-get is missing: kernels are fetched on Debian or Ubuntu only."
            ) from None
        except subprocess.TimeoutExpired:
            raise InfrastructureError(f"apt-get did not fetch {named} in time.") from None
        files = list(folder.glob("*.deb"))
        if done.returncode or len(files) != 1:
            why = " ".join(done.stderr.split())[-200:]
            raise InfrastructureError(
                f"apt-get did not fetch {named} (`apt-get update` refreshes its lists): {why}"
            )
        digest = file_digest(files[0])
        if digest != source.sha256:
            raise InfrastructureError(f"{named} has the hash {digest}, not {source.sha256}.")
        files[0].rename(folder / "source.deb")

    return publish(f"archives/{_stored(source).parent.name}", download) / "source.deb"


def known_version(package: str, version: str) -> SourcePackage:
    """Return the record of a version that apt's lists name.

    Raises:
        InputError: apt is missing, or does not know that version.
    """
    try:
        done = subprocess.run(
            ["apt-cache", "show", f"{package}={version}"], capture_output=True, text=True,
            timeout=120, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise InputError("apt-cache is missing: kernels are fetched on Debian or Ubuntu.") from None
    digest = re.search(r"^SHA256: ([0-9a-f]{64})$", done.stdout, re.MULTILINE)
    if digest is None:
        raise InputError(
            f"apt knows no {package} {version}: `apt-cache madison {package}` lists the versions, "
            "after `apt-get update`."
        )
    return SourcePackage(package=package, version=version, sha256=digest[1])


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def is_left_out(path: str, drivers: Collection[str] = ()) -> bool:
    """Whether a file of the source is of no use.

    Args:
        path: Relative to the source.
        drivers: Folders of `drivers` that are kept besides the usual ones.
    """
    if not LEFT_OUT.match(path) or KEPT_EVERYWHERE.search(path):
        return False
    return not any(path.startswith(f"drivers/{name}/") for name in drivers)


def unpack(package: Path, dest: Path, drivers: Collection[str] = ()) -> int:
    """Unpack the source tree of a package, without what no build of ours reads.

    Args:
        package: A `.deb` file.
        dest: An empty folder.
        drivers: See `is_left_out`.

    Returns:
        The number of files.

    Raises:
        InfrastructureError: The package can't be read.
    """
    count = 0
    for tree, member, path in source_members(package):
        if is_left_out(path, drivers):
            continue
        member.name = path
        tree.extract(member, dest, filter="data")
        count += 1
    return count


def source_members(package: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo, str]]:
    """Yield the files of a package's source: the archive, the member, its path in the tree.

    Raises:
        InfrastructureError: The package can't be read.
    """
    found = False
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as outer:
                for outer_member in outer:
                    if not outer_member.name.endswith(".tar.xz"):
                        continue
                    inner = outer.extractfile(outer_member)
                    assert inner is not None
                    with lzma.open(inner) as plain, tarfile.open(fileobj=plain, mode="r|") as tree:
                        for member in tree:
                            path = "/".join(PurePosixPath(member.name).parts[1:])
                            if path and not member.isdir():
                                found = True
                                yield tree, member, path
        except (tarfile.TarError, lzma.LZMAError, OSError, EOFError) as error:
            raise InfrastructureError(f"{package} can't be unpacked: {error}.") from error
        finally:
            process.kill()
    if not found:
        raise InfrastructureError(f"{package} holds no kernel source.")


def changelog(package: Path) -> str:
    """Return the Debian changelog that a package brings."""
    import gzip

    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as outer,
    ):
        for member in outer:
            if member.name.endswith("/changelog.Debian.gz"):
                handle = outer.extractfile(member)
                assert handle is not None
                text = gzip.decompress(handle.read()).decode("utf-8", "replace")
                process.kill()
                return text
    raise InfrastructureError(f"{package} brings no changelog.")
