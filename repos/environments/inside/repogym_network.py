"""A pytest plugin inside sandboxes: what of the network some tests need, on this machine alone.

A sandbox has a network namespace of its own, with nothing but a loopback. Tests that speak to
httpbin.org reach a httpbin that runs there (the fixtures are `pytest-httpbin`'s), by a
certificate of an authority that is made for the run. An address that answers nobody keeps its
callers waiting. For CPython 3.6 and later.
"""

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time

SILENT = "10.255."
"""Tests of time-outs connect to an address that begins so."""

NAMES = ("httpbin.org", "www.httpbin.org", "www.google.co.uk")
"""Names that are answered here; the last is only asked for a page, any page."""

_resolve = socket.getaddrinfo
_connect = socket.socket.connect
_ports = {}
_servers = []


def pytest_configure(config):
    """Start the servers before any test module is imported."""
    if _servers:
        return
    folder = tempfile.mkdtemp(prefix="httpbin-")
    secure = certificates(folder)
    for name, port, options in (("http", 80, ()), ("https", 443, secure)):
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        _ports[port] = _ports[name] = listening.getsockname()[1]
        number = listening.fileno()
        command = [sys.executable, "-m", "gunicorn", "--bind", "fd://%d" % number, *options]
        command += ["--worker-class", "gthread", "--threads", "8", "--worker-tmp-dir", folder]
        _servers.append(
            subprocess.Popen(
                [*command, "--log-level", "critical", "httpbin:app"],
                pass_fds=[number], cwd=folder, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip
        listening.close()
    socket.getaddrinfo = resolve
    socket.socket.connect = connect


def certificates(folder):
    """Make an authority and a certificate; return how the server is told of it."""
    import trustme  # pyright: ignore[reportMissingImports]

    authority = trustme.CA()
    issued = authority.issue_cert(*NAMES, "localhost", "127.0.0.1")
    trusted, server = os.path.join(folder, "ca.pem"), os.path.join(folder, "server.pem")
    authority.cert_pem.write_to_path(trusted)
    issued.private_key_and_cert_chain_pem.write_to_path(server)
    load = ssl.SSLContext.load_verify_locations

    def load_also(self, *args, **kwargs):
        # Whatever list of authorities a test trusts, ours is one of them.
        load(self, *args, **kwargs)
        load(self, trusted)

    ssl.SSLContext.load_verify_locations = load_also
    os.environ["SSL_CERT_FILE"] = trusted
    return ("--certfile", server, "--keyfile", server)


def pytest_unconfigure(config):
    """Stop the servers."""
    while _servers:
        _servers.pop().kill()


def resolve(host, port, *args, **kwargs):
    """Resolve a name; those of the servers are here."""
    if host in NAMES:
        return _resolve("127.0.0.1", _ports.get(port, port), *args, **kwargs)
    return _resolve(host, port, *args, **kwargs)


def connect(self, address):
    """Connect; a silent address keeps the caller waiting until its time is over."""
    if isinstance(address, tuple) and str(address[0]).startswith(SILENT):
        limit = self.gettimeout()
        time.sleep(60.0 if limit is None else limit)
        raise socket.timeout("timed out")
    return _connect(self, address)
