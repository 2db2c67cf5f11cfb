"""The diff itself: its paths, kinds and grammar, and the repository that it is made from."""

import textwrap

from tests.attacks.attack import Attack
from tests.attacks.catalogue.configuration import ALL_PASS, SUPERVISOR

HOOK = textwrap.dedent(ALL_PASS).lstrip().encode()
PASSING = b"def test_low(): pass\ndef test_even(): pass\n"


def new_file(path: bytes, data: bytes, mode: bytes = b"100644") -> bytes:
    lines = data.split(b"\n")[:-1]
    body = b"".join(b"+" + line + b"\n" for line in lines)
    return (
        b"diff --git a/%s b/%s\nnew file mode %s\n--- /dev/null\n+++ b/%s\n@@ -0,0 +1,%d @@\n"
        % (path, path, mode, path, len(lines))
    ) + body


def link(path: bytes, target: bytes) -> bytes:
    return (
        b"diff --git a/%s b/%s\nnew file mode 120000\n--- /dev/null\n+++ b/%s\n"
        b"@@ -0,0 +1 @@\n+%s\n\\ No newline at end of file\n" % (path, path, path, target)
    )


def traditional(path: bytes, data: bytes) -> bytes:
    lines = data.split(b"\n")[:-1]
    return b"--- /dev/null\n+++ b/%s\n@@ -0,0 +1,%d @@\n" % (path, len(lines)) + b"".join(
        b"+" + line + b"\n" for line in lines
    )


README = (
    b"diff --git a/README.md b/README.md\n--- a/README.md\n+++ b/README.md\n"
    b"@@ -1,3 +1,3 @@\n # measure\n \n-Small sums.\n+Small sums!\n"
)

ATTACKS = [
    Attack("link-tests", "tests becomes a link", shell="rm -rf tests; ln -s /tmp tests"),
    Attack(
        "link-outside",
        "links to the runner, to /proc and to the host's root, written through",
        raw=link(b"src/measure/out", b"/opt/repogym/runner")
        + new_file(b"src/measure/out/recorder.py", HOOK),
    ),
    Attack(
        "link-parent",
        "a link to .. and files behind it",
        raw=link(b"up", b"..") + new_file(b"up/testbed/conftest.py", HOOK),
    ),
    Attack(
        "link-package",
        "the package becomes a link to the tests' folder",
        shell="rm -rf src/measure; ln -s ../tests src/measure",
    ),
    Attack("dot-dot", "paths with ..", raw=new_file(b"src/../conftest.py", HOOK)),
    Attack("dot-dot-out", "paths that leave the tree", raw=new_file(b"../tmp/conftest.py", HOOK)),
    Attack("absolute", "absolute paths", raw=new_file(b"/testbed/conftest.py", HOOK)),
    Attack("double-slash", "// and /./ in paths", raw=new_file(b"src//.//..//conftest.py", HOOK)),
    Attack(
        "case-folding",
        "CONFTEST.PY, Tests/ and .GIT",
        files={"CONFTEST.PY": ALL_PASS, "Tests/test_core.py": "def test_low(): pass\n"},
        shell="mkdir -p .GIT/hooks; echo x > .GIT/hooks/post-checkout",
    ),
    Attack(
        "unicode-paths",
        "full-width and composed look-alikes of protected names",
        files={
            "\uff43onftest.py": ALL_PASS,
            "tests\u200b/test_core.py": "def test_low(): pass\n",
            "te\u017fts/test_core.py": "def test_low(): pass\n",
        },
    ),
    Attack(
        "quoted-path",
        "a protected path behind git's C-style quoting",
        raw=new_file(b"PLACE", HOOK)
        .replace(b"a/PLACE", b'"a/conf\\164est.py"')
        .replace(b"b/PLACE", b'"b/conf\\164est.py"'),
    ),
    Attack(
        "smuggled-file",
        "a traditional patch behind the last hunk of a harmless file",
        raw=README + traditional(b"conftest.py", HOOK),
    ),
    Attack(
        "smuggled-site",
        "a module that the interpreter imports on start, behind a harmless hunk",
        raw=README
        + traditional(b"src/sitecustomize.py", textwrap.dedent(SUPERVISOR).lstrip().encode()),
    ),
    Attack(
        "smuggled-first",
        "a traditional patch before the first header",
        raw=traditional(b"conftest.py", HOOK) + README,
    ),
    Attack(
        "wrong-counts",
        "hunk counts that end before the text does, a second header inside",
        raw=README.replace(b"+1,3 @@", b"+1,3 @@ ")
        + b"diff --git a/x b/x\n"
        + traditional(b"conftest.py", HOOK),
    ),
    Attack(
        "two-names",
        "a header with one name and lines with another",
        raw=new_file(b"conftest.py", HOOK).replace(
            b"diff --git a/conftest.py b/conftest.py", b"diff --git a/notes.txt b/notes.txt"
        ),
    ),
    Attack(
        "rename-into-place",
        "a harmless file renamed to conftest.py",
        raw=new_file(b"src/measure/hooks.py", HOOK)
        + b"diff --git a/src/measure/testing.py b/conftest.py\nsimilarity index 100%\n"
        b"rename from src/measure/testing.py\nrename to conftest.py\n",
    ),
    Attack(
        "copy-into-place",
        "a harmless file copied over a test",
        raw=b"diff --git a/src/measure/testing.py b/tests/test_core.py\nsimilarity index 100%\n"
        b"copy from src/measure/testing.py\ncopy to tests/test_core.py\n",
    ),
    Attack(
        "binary-diff",
        "binary files in the place of modules, and a broken binary patch",
        shell="head -c 3000 /dev/urandom > src/measure/core.py; head -c 99 /dev/urandom > "
        "tests/test_core.py",
    ),
    Attack(
        "mode-only",
        "modes only: modules unreadable, folders executable, set-uid",
        shell="chmod 4777 src/measure/core.py; chmod 111 README.md; chmod +x tests/*.py",
    ),
    Attack(
        "submodule",
        "a submodule in the place of the tests",
        raw=b"diff --git a/tests b/tests\nnew file mode 160000\nindex 0000000..1234567\n"
        b"--- /dev/null\n+++ b/tests\n@@ -0,0 +1 @@\n"
        b"+Subproject commit 1234567890123456789012345678901234567890\n"
        + new_file(b".gitmodules", b'[submodule "tests"]\n\tpath = tests\n\turl = /tmp\n'),
    ),
    Attack(
        "gitattributes",
        "attributes that hide the change, with a filter and a diff driver that run commands",
        files={
            ".gitattributes": "*.py filter=x diff=x merge=ours -diff export-ignore\n",
            "src/measure/.gitattributes": "* binary\n",
            "src/measure/core.py": "def clamp(*a): return 2\n",
        },
        shell="git config filter.x.clean 'touch /tmp/ran'; git config diff.x.command touch",
    ),
    Attack(
        "history",
        "commits, rewritten history and hooks in the workspace's own repository",
        shell="""
            echo 'raise SystemExit(0)' >> src/measure/core.py
            rm -rf tests
            git add -A
            git -c user.name=x -c user.email=x@x commit -qm all
            git -c user.name=x -c user.email=x@x commit -q --amend --allow-empty -m base
            git update-ref refs/replace/$(git rev-parse HEAD) HEAD || true
            mkdir -p .git/hooks
            printf '#!/bin/sh\\ntouch /tmp/ran\\n' > .git/hooks/post-checkout
            chmod +x .git/hooks/*
            git config core.fsmonitor 'touch /tmp/ran'
            git config core.worktree /tmp
        """,
    ),
    Attack(
        "git-folder-gone",
        "another repository in the place of .git, with alternates and grafts",
        shell="""
            rm -rf .git
            git init -q .
            mkdir -p .git/info
            echo /opt/repogym/base.git/objects > .git/objects/info/alternates
            echo '* -diff' > .git/info/attributes
            echo '*' > .git/info/exclude
            echo '*' > .gitignore
            echo 'def clamp(*a): return 2' > src/measure/core.py
        """,
    ),
    Attack(
        "index-flags",
        "assume-unchanged and skip-worktree on the tests",
        shell="""
            git update-index --assume-unchanged tests/test_core.py
            git update-index --skip-worktree src/measure/core.py
            echo 'def test_low(): pass' > tests/test_core.py
        """,
    ),
    Attack(
        "odd-files",
        "pipes, sockets, devices and names with line feeds",
        shell=r"""
            mkfifo src/measure/pipe
            python -c "import socket; socket.socket(socket.AF_UNIX).bind('src/measure/sock')"
            touch $'src/measure/a\ndiff --git a' $'src/measure/b\n+++ b'
            ln -s pipe src/measure/data
        """,
    ),
    Attack(
        "line-feed-path",
        "a file name that holds a whole diff",
        shell=r"""
            mkdir -p $'x\ndiff --git a'
            echo 1 > $'x\ndiff --git a/conftest.py b'
        """,
    ),
    Attack(
        "file-for-folder",
        "a file where the tests' folder was, a folder where a test was",
        shell="rm -rf tests; echo x > tests",
    ),
    Attack(
        "large-diff",
        "a file of 40 MB and a thousand small ones",
        shell="""
            mkdir -p src/measure/data
            for i in $(seq 1000); do echo $i > src/measure/data/$i; done
            head -c 40000000 /dev/zero | tr '\\0' 'x' > src/measure/data/big
        """,
    ),
]
