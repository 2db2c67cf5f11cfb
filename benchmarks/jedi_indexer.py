"""Indexes files the way CodexGraph does: jedi finds the definition behind every name.

Usage: python jedi_indexer.py ROOT PATH...; prints how many references it resolved.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Index."""
    import jedi  # pyright: ignore[reportMissingImports]

    root = Path(sys.argv[1])
    project = jedi.Project(root)
    count = 0
    for path in sys.argv[2:]:
        script = jedi.Script(path=root / path, project=project)
        for name in script.get_names(all_scopes=True, references=True, definitions=True):
            try:
                count += bool(name.goto(follow_imports=True))
            except Exception as error:  # jedi fails on some names in many ways
                print(f"{path}:{name.line}: {error!r}", file=sys.stderr)
    print(count)


if __name__ == "__main__":
    main()
