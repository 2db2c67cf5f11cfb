"""Runs inside the sandbox: tests as a developer would run them, with a record of each.

Usage: python develop.py CONFIG.json; the config names the file for the records, the folder of
the test framework's module and, where coverage is asked for, the folder that holds the coverage
package and the seconds after which no further test begins: what was recorded until then is
worth having. For CPython 3.6 and later, as all programs in this folder.
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    """Read the config that the command line names, and run."""
    with open(sys.argv[1], encoding="utf-8") as handle:
        config = json.load(handle)
    os.remove(sys.argv[1])
    return run(config)


def run(config, quick=False):
    """Run tests and append JSON lines to the records file.

    `quick` spares what matters to a process that lives on, since this one ends.
    """
    sys.path[:] = [p for p in sys.path if p and os.path.abspath(p) != HERE]
    ours = [config["framework"], HERE]
    sys.path[:0] = ours
    import repogym_framework as framework  # pyright: ignore[reportMissingImports]

    cover = None
    if config["coverage"]:
        import repogym_covering as covering

        cover = covering.Cover(config["coverage"], config["tests_s"])
    framework.load()
    for folder in ours:
        sys.path.remove(folder)

    out = open(config["records"], "a", encoding="utf-8")  # noqa: SIM115

    def emit(record):
        out.write(json.dumps(record) + "\n")
        out.flush()

    if cover is not None:
        cover.start()
    status = framework.develop(config, emit, cover, quick)
    stopped = cover is not None and cover.stopped
    if cover is not None:
        for record in cover.records():
            emit(record)
    emit({"kind": "stopped" if stopped else "end", "status": status})
    out.close()
    return status


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
