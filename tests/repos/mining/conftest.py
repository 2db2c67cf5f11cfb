"""A package index on this machine, served over HTTP, for the sources' tests."""

import functools
import hashlib
import http.server
import io
import json
import tarfile
import threading

import pytest

from repos.tasks.sources.pypi.configuration import IndexConfiguration
from repos.tasks.sources.pypi.index import PackageIndex


def sdist(name, version, files):
    """Return a source distribution's bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in sorted(files.items()):
            data = text.encode() if isinstance(text, str) else text
            info = tarfile.TarInfo(f"{name}-{version}/{path}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


class LocalIndex:
    """Files of a served folder; every request is counted."""

    def __init__(self, root):
        self.root = root
        self.requests = []
        self.fail_next = 0
        outer = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):
                outer.requests.append(self.path)
                if outer.fail_next:
                    outer.fail_next -= 1
                    self.send_error(503)
                    return
                page = outer.root / self.path.strip("/") / "index.json"
                if page.is_file():
                    body = page.read_bytes()
                    self.send_response(200)
                    self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
                    self.end_headers()
                    self.wfile.write(body)
                    return
                super().do_GET()

            def log_message(self, format, *args):
                pass

        handler = functools.partial(Handler, directory=str(root))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def publish(self, name, releases, *, digest=None):
        """Serve `{version: (files, upload time)}` of a project."""
        folder = self.root / "simple" / name
        folder.mkdir(parents=True)
        entries = []
        for version, (files, uploaded) in releases.items():
            body = sdist(name, version, files)
            filename = f"{name}-{version}.tar.gz"
            (folder / filename).write_bytes(body)
            sha256 = digest or hashlib.sha256(body).hexdigest()
            entries.append(
                {
                    "filename": filename,
                    "url": f"./{filename}",
                    "hashes": {"sha256": sha256},
                    "upload-time": uploaded,
                    "yanked": False,
                }
            )
        (folder / "index.json").write_text(json.dumps({"name": name, "files": entries}))

    def index(self):
        """Return a client of this index alone."""
        return PackageIndex(IndexConfiguration((self.url,)))


@pytest.fixture
def local_index(tmp_path):
    """Serve an empty index."""
    root = tmp_path / "served"
    root.mkdir()
    served = LocalIndex(root)
    yield served
    served.server.shutdown()
    served.server.server_close()


OLD = {
    "PKG-INFO": "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nLicense: MIT\n",
    "CHANGES.md": "# Changes\n\n## 1.0\n\n- First.\n",
    "src/demo/__init__.py": '__version__ = "1.0"\n',
    "src/demo/_version.py": 'version = "1.0"\n',
    "src/demo/core.py": "def half(n):\n    return n // 2\n",
    "src/demo/table.json": '{"a": 1}\n',
    "tests/test_core.py": (
        "from demo.core import half\n\n\ndef test_two():\n    assert half(2) == 1\n"
    ),
    "tests/test_gone.py": "def test_gone():\n    pass\n",
}
NEW = {
    **{path: text for path, text in OLD.items() if path != "tests/test_gone.py"},
    "PKG-INFO": OLD["PKG-INFO"].replace("1.0", "1.1"),
    "CHANGES.md": OLD["CHANGES.md"].replace(
        "## 1.0", "## 1.1\n\n- Fix `half` of odd numbers (#3).\n\n## 1.0"
    ),
    "src/demo/__init__.py": '__version__ = "1.1"\n',
    "src/demo/_version.py": 'version = "1.1"\n',
    "src/demo/core.py": "def half(n):\n    return n / 2\n",
    "src/demo/table.json": '{"a": 2}\n',
    "src/demo/extra.bin": b"\x00\x01\x02",
    "tests/test_core.py": OLD["tests/test_core.py"]
    + "\n\ndef test_three():\n    assert half(3) == 1.5\n",
    "tests/data.txt": "3\n",
}


@pytest.fixture
def demo_index(local_index):
    """Serve two releases of `demo`: the second repairs `half`."""
    local_index.publish(
        "demo", {"1.0": (OLD, "2025-01-01T00:00:00Z"), "1.1": (NEW, "2025-02-01T00:00:00Z")}
    )
    return local_index
