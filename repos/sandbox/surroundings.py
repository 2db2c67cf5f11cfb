"""What a program can see of the machine beside its files: the clock, the zone, names, numbers.

Nothing of it belongs to a task, so no verdict may depend on it. Scoring runs with one fixed set
(`SCORING`), validation with several that differ in everything (`varied`).
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from importlib import util
from pathlib import Path

from repos.cache import platform_key, publish
from repos.errors import InfrastructureError, InputError
from repos.sandbox.protocol import ExecOptions, Mount, Sandbox

HOME, USER, HOSTNAME, UID = "/home/agent", "agent", "sandbox", 60923
PYTHON = "/opt/repogym/python"
FAKETIME = "/opt/repogym/faketime/libfaketime.so.1"
LOCALES = "/opt/repogym/locales"
ONLINE = "/sys/devices/system/cpu/online"
FOREIGN_LOCALE = "de_DE.UTF-8"
SHUFFLE = Path(__file__).with_name("shuffle.py")
ELF_MACHINES = {62: "x86_64", 183: "aarch64"}

LAUNCHER = """
import os, sys
mask, processors = int(sys.argv[1], 8), int(sys.argv[2])
os.umask(mask)
os.makedirs(os.environ["HOME"], exist_ok=True)
if processors and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:processors])
os.execvp(sys.argv[3], sys.argv[3:])
"""


@dataclass(frozen=True)
class Surroundings:
    """One set of what varies between machines and days.

    Attributes:
        clock_days: How many days the clock is ahead of the machine's.
        timezone: The time zone's name.
        locale: The locale of all categories.
        hostname: The machine's name, where the back end has one of its own.
        user: The user's name.
        home: The user's home folder.
        directory_order: Seed of the order in which folders list their entries; 0 leaves it.
        hash_seed: PYTHONHASHSEED.
        processors: How many processors are shown.
        umask: Rights that new files do not get.
        screen: Columns and lines of the screen.
    """

    clock_days: int = 0
    timezone: str = "UTC"
    locale: str = "C.UTF-8"
    hostname: str = HOSTNAME
    user: str = USER
    home: str = HOME
    directory_order: int = 0
    hash_seed: int = 0
    processors: int = 2
    umask: int = 0o022
    screen: tuple[int, int] = (80, 24)

    def variables(self) -> dict[str, str]:
        """Return the environment variables that say it."""
        columns, lines = self.screen
        said = {
            "TZ": self.timezone,
            "LANG": self.locale,
            "USER": self.user,
            "LOGNAME": self.user,
            "HOME": self.home,
            "COLUMNS": str(columns),
            "LINES": str(lines),
            "PYTHON_CPU_COUNT": str(self.processors),
        }
        if self.locale != "C.UTF-8":
            said["LC_ALL"] = self.locale
        if self.locale == FOREIGN_LOCALE:
            said["LOCPATH"] = LOCALES
        if self.clock_days:
            # A shifted monotonic clock would make waits of threads last as long as the shift.
            said |= {
                "LD_PRELOAD": FAKETIME,
                "FAKETIME": f"{self.clock_days:+d}d",
                "DONT_FAKE_MONOTONIC": "1",
            }
        return said

    def mounts(self, backend: str) -> tuple[Mount, ...]:
        """Return the files that say it.

        Args:
            backend: Name of the back end. Only bubblewrap's sandboxes, which have no `/sys`,
                show a number of processors there.

        Raises:
            InputError: libfaketime is needed and not installed.
        """
        made: list[Mount] = []
        if backend == "bubblewrap":
            online = f"0-{self.processors - 1}" if self.processors > 1 else "0"
            made.append(Mount(_file("online", online), ONLINE))
        if (self.user, self.home) != (USER, HOME):
            lines = f"root:x:0:0:root:/root:/bin/sh\n{self.user}:x:{UID}:{UID}::{self.home}:/bin/sh"
            made.append(Mount(_file("passwd", lines), "/etc/passwd"))
        if self.clock_days:
            made.append(Mount(find_faketime(), FAKETIME))
        if self.locale == FOREIGN_LOCALE:
            folder = foreign_locale()
            assert folder is not None
            made.append(Mount(folder, LOCALES))
        return tuple(made)

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return a program's command line with what sets rights and processors before it."""
        plain = (self.umask, self.home, self.processors)
        if plain == (SCORING.umask, SCORING.home, SCORING.processors):
            return list(argv)
        return [PYTHON, "-I", "-S", "-c", LAUNCHER, f"{self.umask:o}", str(self.processors), *argv]

    def enter(self, sandbox: Sandbox, mounted: Sequence[str]) -> None:
        """Change what is no variable and no mount, and make sure that the clock is as wanted.

        Args:
            sandbox: A running one.
            mounted: Paths below `/testbed` at which something is mounted.

        Raises:
            InfrastructureError: It can't be done in this sandbox.
        """
        if self.directory_order:
            source = SHUFFLE.read_text(encoding="utf-8")
            seed = str(self.directory_order)
            argv = [PYTHON, "-I", "-S", "-c", source, seed, "/testbed", *mounted]
            done = sandbox.exec(argv, timeout_s=300.0)
            if done.exit_code:
                raise InfrastructureError(f"Folders could not be reordered: {done.text[-300:]}")
        if not self.clock_days:
            return
        said = []
        for variables in ({}, self.variables()):
            done = sandbox.exec(["date", "+%s %z"], env=variables)
            said.append(done.text.split())
        try:
            ahead = int(said[1][0]) - int(said[0][0])
            zone = said[1][1]
        except (IndexError, ValueError) as error:
            raise InfrastructureError(f"`date` can't be run in the sandbox: {said}.") from error
        if abs(timedelta(seconds=ahead) - timedelta(days=self.clock_days)) > timedelta(hours=1):
            raise InfrastructureError(
                "The sandbox's clock can't be shifted: its C library does not load libfaketime."
            )
        if self.timezone != "UTC" and zone == "+0000":
            raise InfrastructureError(
                f"The sandbox does not know the time zone {self.timezone}: install tzdata."
            )


SCORING = Surroundings()
"""Those of every score. The clock is the machine's: nothing that decides depends on it."""


def varied(repetition: int) -> Surroundings:
    """Return the surroundings of one of validation's repetitions.

    The first are scoring's own; the second and the third differ from them, and from one another,
    in everything. Later ones begin again with other seeds.
    """
    seed = 7 * repetition
    kind = repetition % 3
    if kind == 0:
        return replace(SCORING, hash_seed=seed)
    if kind == 1:
        return Surroundings(
            clock_days=1, timezone="Pacific/Kiritimati", locale="C", hostname="build-7",
            user="jo", home="/tmp/people/jo", directory_order=seed, hash_seed=seed,
            processors=1, umask=0o077, screen=(132, 50),
        )  # fmt: skip
    return Surroundings(
        clock_days=400, timezone="America/St_Johns",
        locale=FOREIGN_LOCALE if foreign_locale() is not None else "C",
        hostname="laptop.home.example", user="kim.lee", home="/tmp/users/kim.lee",
        directory_order=seed, hash_seed=seed, processors=7, umask=0o002, screen=(57, 11),
    )  # fmt: skip


def single_changes(surroundings: Surroundings) -> dict[str, Surroundings]:
    """Return scoring's surroundings with one thing as in others, by what it is called."""
    found = {}
    for each in fields(Surroundings):
        value = getattr(surroundings, each.name)
        if value != getattr(SCORING, each.name):
            found[each.name.replace("_", " ")] = replace(SCORING, **{each.name: value})
    return found


def find_faketime() -> Path:
    """Return libfaketime's library, which the distribution of that name brings.

    Raises:
        InputError: It is not installed, or was built for another machine.
    """
    spec = util.find_spec("libfaketime")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else None
    library = folder / "vendor/libfaketime/src/libfaketime.so.1" if folder else None
    if library is None or not library.is_file():
        raise InputError(
            "Validation shifts the clock by libfaketime, which is not installed: "
            "pip install libfaketime."
        )
    with library.open("rb") as file, Path("/proc/self/exe").open("rb") as own:
        theirs, ours = file.read(20)[18:], own.read(20)[18:]
    if theirs != ours:
        raise InputError(
            "The installed libfaketime was built for another kind of machine: build it here by "
            "pip install --force-reinstall --no-binary libfaketime libfaketime."
        )
    return library


def foreign_locale() -> Path | None:
    """Return a folder with a locale of another language; None where none can be compiled.

    It is compiled by glibc's `localedef` from the sources that Debian's package `locales` brings.
    """
    program = shutil.which("localedef")
    language, _, charset = FOREIGN_LOCALE.partition(".")
    if program is None or not Path("/usr/share/i18n/locales", language).is_file():
        return None

    def build(folder: Path) -> None:
        target = str(folder / FOREIGN_LOCALE)
        done = subprocess.run(
            [program, "--no-archive", "-i", language, "-f", charset, target],
            capture_output=True, text=True,
        )  # fmt: skip
        if not Path(target).is_dir():
            raise InfrastructureError(f"localedef failed: {done.stderr.strip()[-300:]}")

    return publish(f"tools/locale-{FOREIGN_LOCALE}-{platform_key()}", build)


def _file(name: str, text: str) -> Path:
    """Return a cached file with a text; the same text is the same file."""
    from hashlib import sha256

    def build(folder: Path) -> None:
        (folder / name).write_text(text + "\n", encoding="utf-8")

    return publish(f"tools/{name}-{sha256(text.encode()).hexdigest()[:16]}", build) / name


def with_surroundings(surroundings: Surroundings, options: ExecOptions) -> ExecOptions:
    """Return the options of a command with the variables of its surroundings below its own."""
    given = dict(options.get("env") or {})
    return {**options, "env": {**surroundings.variables(), **given}}
