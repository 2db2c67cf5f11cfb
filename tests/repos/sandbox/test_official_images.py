"""Instances whose environment is a container image, in the form of the official ones, made here."""

import hashlib
import io
import shutil
import tarfile
from pathlib import Path

import pytest

from repos.environments.choosing import choose_environment, is_available
from repos.environments.images import image_layer
from repos.environments.install import install
from repos.environments.interpreters import NotAvailableError, find_python
from repos.prepare import prepare
from repos.sandbox.backends.docker.engine import Engine
from repos.scoring.score import score
from repos.tasks.environments import ImageEnvironment
from repos.tasks.sources.swe_bench.instances import read_instances
from repos.tasks.sources.swe_bench.options import MIRRORS
from repos.tasks.sources.swe_bench.patches import command_files
from tests.repos.scoring.instances import CASES, PINS, make_row

PREFIX = "opt/miniconda3/envs/testbed"
NAME = "localhost/sweb.eval.x86_64.h11"
LEFT_OUT = ("test", "__pycache__", "site-packages", "config-*", "idlelib", "lib2to3", "ensurepip")
PYTEST = f"#!/{PREFIX}/bin/python\nimport sys\n\nimport pytest\n\nsys.exit(pytest.main())\n"


def make_root(root, minor):
    """Lay out an image: a Python with pins at the official place, a repository with its future."""
    python, prefix = find_python(minor), root / PREFIX
    (prefix / "bin").mkdir(parents=True)
    # The path of its library becomes one that goes with it, as conda's is.
    lib = f"{python.prefix}/lib".encode()
    program = Path(python.executable).read_bytes()
    program = program.replace(lib + b"\0", b"$ORIGIN/../lib".ljust(len(lib), b"\0") + b"\0")
    (prefix / "bin" / f"python{minor}").write_bytes(program)
    (prefix / "bin" / f"python{minor}").chmod(0o755)
    (prefix / "bin" / "python").symlink_to(f"python{minor}")
    library = Path(python.prefix, "lib")
    ignored = shutil.ignore_patterns(*LEFT_OUT)
    shutil.copytree(library / f"python{minor}", prefix / "lib" / f"python{minor}", ignore=ignored)
    for path in library.glob("libpython3*.so*"):
        shutil.copy(path, prefix / "lib", follow_symlinks=False)
    site = prefix / "lib" / f"python{minor}" / "site-packages"
    install(("--target", str(site)), PINS, python.executable)
    (prefix / "bin" / "pytest").write_text(PYTEST)
    (prefix / "bin" / "pytest").chmod(0o755)
    package = root / "testbed" / "h11"
    package.mkdir(parents=True)
    (package / "_fast.cpython-38.so").write_bytes(b"compiled")
    (package / "future.py").write_text("FIXED = True\n")
    (root / "bin").mkdir()


@pytest.fixture(scope="module")
def image(real_backend, tmp_path_factory):
    """The image's name, in the engine that the tests have."""
    address = real_backend("docker").engine.address
    root = tmp_path_factory.mktemp("image")
    make_root(root, CASES[0][1])
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(root, arcname=".")
    engine = Engine(address)
    try:
        # What was taken out of an image is kept by its name.
        tag = hashlib.sha256(data.getvalue()).hexdigest()[:12]
        engine.api.import_image_from_data(data.getvalue(), repository=NAME, tag=tag)
        yield f"{NAME}:{tag}"
        engine.api.remove_image(f"{NAME}:{tag}", force=True)
    finally:
        engine.close()


@pytest.fixture
def row(tmp_path, monkeypatch):
    """A row with nothing but an image, as the official files have it."""
    monkeypatch.setenv(MIRRORS, str(tmp_path))
    row = make_row(*CASES[0], tmp_path)
    for name in ("install_config", "requirements"):
        del row[name]
    command = f"pytest -rA {' '.join(command_files(row['test_patch']))}"
    script = f": '>>>>> Start Test Output'\n{command}\n: '>>>>> End Test Output'\n"
    return {**row, "eval_script": script, "log_parser": "parse_log_pytest"}


@pytest.mark.index
def test_an_official_image_is_played_on_every_back_end(image, row, real_backend, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", real_backend("docker").engine.address)
    (spec,) = read_instances([{**row, "image": image}], "rows")
    assert choose_environment(spec) == "image" and spec.labels["image"] == image
    task = prepare(spec)
    assert task.public.python == CASES[0][1]
    layer = image_layer(spec.environments["image"], spec.source_dirs)
    assert [p.name for p in (layer / "compiled" / "h11").iterdir()] == ["_fast.cpython-38.so"]
    assert not list(layer.rglob("future.py"))
    reference = task.hidden.reference
    for name, diff in (("docker", b""), ("docker", reference), ("bubblewrap", reference)):
        result, log = score(task, diff, backend=real_backend(name))
        resolved = bool(diff)
        assert (result.official, result.hardened) == (resolved, resolved), log[-3000:]


def test_an_image_needs_an_engine(row, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "")
    monkeypatch.setattr("repos.environments.images.candidates", lambda kind: [])
    image = "swebench/sweb.eval.x86_64.a_1776_b:latest"
    (spec,) = read_instances([{**row, "image": image}], "rows")
    assert isinstance(spec.environments["image"], ImageEnvironment) and not is_available(spec)
    with pytest.raises(
        NotAvailableError, match=f"container image {image}, and no container engine"
    ):
        choose_environment(spec)
    (other,) = read_instances([{**row, "image": "somebody/else:latest"}], "rows")
    assert "container image" in other.labels["unavailable"]
