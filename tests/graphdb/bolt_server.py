"""Runs ArcadeDB with its Bolt port until killed or its input ends; prints ``BOLT address``.

Usage: python bolt_server.py FOLDER
"""

import os
import socket
import sys
from pathlib import Path


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    """Start the server, make two databases, wait."""
    import arcadedb_embedded

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)  # it writes its log beside itself
    bolt, http = free_port(), free_port()
    password = "only-for-tests-1"
    server = arcadedb_embedded.create_server(
        root_path=str(folder),
        root_password=password,
        config={
            "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
            "bolt_port": bolt,
            "http_port": http,
            "host": "127.0.0.1",
        },
    )
    server.start()
    for name in ("conformance", "second", "third", "lost"):
        server.create_database(name)
    print(f"BOLT bolt://root:{password}@127.0.0.1:{bolt}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
