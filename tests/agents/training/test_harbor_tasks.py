"""Task folders for Harbor, and Dockerfiles as far as they are followed."""

import tomllib

import pytest
from typer.testing import CliRunner

from agents.training.cli import app
from agents.training.harbor_tasks import export_tasks
from repos.errors import InputError
from repos.tasks.sources.harbor.dockerfile import Copy, Run, read_dockerfile
from repos.tasks.suite import load_suite


def test_a_folder_keeps_hidden_tests_out_of_the_agents_image(tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(
        app, ["export-tasks", "swe-mini", "--out", str(out), "--task", "warmcache-refresh"]
    )
    assert done.exit_code == 0, done.output
    assert "1 tasks" in done.output
    (task,) = out.iterdir()
    facts = tomllib.loads((task / "task.toml").read_text())
    assert facts["verifier"]["environment_mode"] == "separate"
    assert facts["environment"]["network_mode"] == "no-network"
    assert facts["metadata"]["licence"] == "Apache-2.0"
    image = [p for p in (task / "environment").rglob("*") if p.is_file()]
    assert (task / "environment/repository/src/warmcache/cache.py") in image
    secret = (task / "tests/hidden/tests/test_ttl_refresh.py").read_text()
    assert all(secret not in p.read_text() and "test_ttl_refresh" not in str(p) for p in image)
    assert (task / "tests/test.sh").stat().st_mode & 0o100
    with pytest.raises(InputError, match="not an empty folder"):
        export_tasks(load_suite("swe-mini"), out, name="swe-mini")


def test_kernels_are_refused(tmp_path):
    with pytest.raises(InputError, match="can be written for Harbor"):
        export_tasks(load_suite("kernel-lite"), tmp_path / "k", name="kernel-lite")


def test_a_dockerfile_is_read(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "one.txt").touch()
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(
        '# comment\nFROM x\nARG V=1\nENV A=b C="d e"\nWORKDIR /app\nCOPY data/ sub/\n'
        'COPY one.txt /srv/two.txt\nRUN echo $A \\\n  ${V}\nUSER nobody\nCMD ["x"]\n'
    )
    recipe = read_dockerfile(dockerfile)
    assert recipe.workdir == "/app" and recipe.env == {"A": "b", "C": "d e"}
    env = (("A", "b"), ("C", "d e"), ("V", "1"))
    assert recipe.steps == [
        Copy(("data/",), "/app/sub"),
        Copy(("one.txt",), "/srv", "two.txt"),
        Run("echo $A    ${V}", "/app", env),
    ]
    assert recipe.places() == ["/app", "/app/sub", "/srv", "/app"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM a\nCOPY --from=b /x /y\n", "without Docker"),
        ("FROM a\nCOPY missing /y\n", "not beside it"),
        ("FROM a\nCOPY ../secret /y\n", "not beside it"),
        ("FROM a\nCOPY ../secre* /y\n", "not beside it"),
        ("FROM a\nCOPY link /y\n", "not beside it"),
        ("FROM a\nCOPY lin* /y\n", "not beside it"),
        ("FROM a\nONBUILD RUN x\n", "ONBUILD"),
    ],
)
def test_what_can_not_be_followed_is_refused(tmp_path, text, said):
    (tmp_path.parent / "secret").touch()
    (tmp_path / "link").symlink_to("../secret")
    (tmp_path / "Dockerfile").write_text(text)
    with pytest.raises(InputError, match=said):
        read_dockerfile(tmp_path / "Dockerfile")
