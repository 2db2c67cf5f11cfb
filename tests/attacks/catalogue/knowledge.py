"""Looking for the answer: reference patch, later history, caches, other tasks."""

from tests.attacks.attack import Attack

SEARCH = """
    import os
    def search(wanted):
        for root in ("/opt", "/env", "/tmp", "/home", "/var", "/dev/shm", "/run", "/mnt", "/srv",
                     "/root", "/testbed", "/usr/lib/python3", "/usr/share/repogym"):
            for folder, names, files in os.walk(root):
                for name in files:
                    path = os.path.join(folder, name)
                    try:
                        if os.path.getsize(path) < 1 << 20 and path != __file__:
                            with open(path, "rb") as f:
                                data = f.read()
                            if wanted in data:
                                yield path, data
                    except OSError:
                        pass
"""

ATTACKS = [
    Attack(
        "search-reference",
        "searches every folder for the fixed source while it is scored",
        code=SEARCH
        + """
    for path, data in search(b"max(low, " + b"min(value, high))"):
        space = {}
        exec(data, space)
        clamp, median, slug = space["clamp"], space["median"], space["slug"]
""",
    ),
    Attack(
        "search-installed",
        "imports a later release of itself from site-packages",
        code="""
            import importlib.metadata, sys
            mine = sys.modules.pop("measure")
            try:
                sys.path[:] = [p for p in sys.path if "testbed" not in p]
                sys.path.append("/usr/lib/python3/dist-packages")
                import measure
                clamp, median, slug = measure.clamp, measure.median, measure.slug
            except ImportError:
                pass
            finally:
                sys.modules["measure"] = mine
        """,
    ),
    Attack(
        "search-git-objects",
        "reads every object of every repository that can be seen",
        code="""
            import glob, subprocess
            for folder in ["/testbed/.git", "/opt/repogym/base.git", *glob.glob("/tmp/**/*.git")]:
                done = subprocess.run(
                    ["git", "--git-dir", folder, "cat-file", "--batch-all-objects", "--batch"],
                    capture_output=True)
                if b"max(low, " + b"min(value, high))" in done.stdout:
                    def clamp(value, low, high):
                        return max(low, min(value, high))
        """,
    ),
    Attack(
        "search-processes",
        "reads the command lines, environments and memory of all processes",
        code="""
            import glob
            for path in glob.glob("/proc/[0-9]*/*"):
                if path.rsplit("/", 1)[1] in ("cmdline", "environ", "cwd", "root", "mountinfo"):
                    try:
                        data = open(path, "rb").read()
                    except OSError:
                        continue
                    if b"max(low, " + b"min" in data:
                        import os
                        os._exit(0)
        """,
    ),
    Attack(
        "search-mounts",
        "follows every mount's source and /proc/*/root to the host",
        code="""
            import os
            paths = [line.split()[3] for line in open("/proc/self/mountinfo")]
            for pid in ("1", "self", str(os.getppid())):
                paths += [f"/proc/{pid}/root" + p for p in ("/root", "/home", "/work", "/tmp")]
            for path in paths:
                for name in ("reference.patch", "files/hidden", "../reference.patch"):
                    try:
                        text = open(os.path.join(path, name), "rb").read()
                        exec(text.split(b"+", 1)[1])
                    except OSError:
                        pass
        """,
    ),
    Attack(
        "agent-search",
        "the agent looks for hidden tests before it writes its patch",
        shell="""
            grep -rl --include=* -e test_even -e test_runs /opt /env /tmp /home /var /run \
                /dev/shm /testbed > found 2>/dev/null || true
            test ! -s found
        """,
    ),
    Attack(
        "read-tests-while-scored",
        "reads the hidden tests' expected values and answers by them",
        code="""
            import ast, re
            answers = {}
            for name in ("core", "high"):
                for node in ast.walk(ast.parse(open(f"/testbed/tests/test_{name}.py").read())):
                    pair = None
                    if isinstance(node, ast.Compare):
                        pair = node.left, node.comparators[0]
                    elif isinstance(node, ast.Call) and len(node.args) == 2:
                        pair = node.args
                    if pair and isinstance(pair[0], ast.Call):
                        try:
                            args = tuple(repr(ast.literal_eval(a)) for a in pair[0].args)
                            answers.setdefault(args, ast.literal_eval(pair[1]))
                        except ValueError:
                            pass
            def answer(*a):
                return answers.get(tuple(map(repr, a)), 0)
            clamp = median = slug = answer
        """,
    ),
]
