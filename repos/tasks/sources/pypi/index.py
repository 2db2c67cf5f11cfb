"""Reads a simple package index (PEP 503, 691, 700) and fetches archives by content."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import json
import os
import re
import ssl
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from repos.cache import offline
from repos.errors import InfrastructureError, NotPreparedError, RecordError
from repos.tasks.sources.pypi.configuration import IndexConfiguration, index_configuration
from repos.tasks.sources.pypi.polite import StoredPage, asked_wait, pace
from repos.tasks.sources.pypi.records import Archive

ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
ATTEMPTS = 3
TIMEOUT_S = 60.0
SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")


@dataclass(frozen=True)
class IndexFile:
    """One file of a project's index page.

    Attributes:
        filename: As the index names it.
        url: Where it lies.
        sha256: Its digest, "" where the index does not tell.
        uploaded: ISO time of its upload, "" where the index does not tell.
        yanked: Whether its author withdrew it.
    """

    filename: str
    url: str
    sha256: str = ""
    uploaded: str = ""
    yanked: bool = False


@dataclass(frozen=True)
class Release:
    """The source distribution of one release."""

    version: str
    archive: Archive
    uploaded: str


def normalise(name: str) -> str:
    """Return a project name as indexes spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


class _Links(html.parser.HTMLParser):
    """Collects the anchors of a PEP 503 page."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.files: list[IndexFile] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "base":
            self.base = urllib.parse.urljoin(self.base, dict(attrs).get("href") or "")
        if tag != "a":
            return
        found = dict(attrs)
        url, _, fragment = urllib.parse.urljoin(self.base, found.get("href") or "").partition("#")
        digest = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
        name = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rsplit("/", 1)[-1])
        if name:
            self.files.append(IndexFile(name, url, digest, "", "data-yanked" in found))


def parse_page(body: bytes, content_type: str, url: str) -> list[IndexFile]:
    """Read a project's index page.

    Args:
        body: The answer.
        content_type: Its media type; JSON as in PEP 691, anything else as HTML (PEP 503).
        url: Its address, to which relative links refer.

    Raises:
        InfrastructureError: The page does not follow its format.
    """
    if "json" not in content_type:
        parser = _Links(url)
        parser.feed(body.decode("utf-8", "replace"))
        return parser.files
    try:
        return [
            IndexFile(
                item["filename"],
                urllib.parse.urljoin(url, item["url"]),
                item.get("hashes", {}).get("sha256", ""),
                item.get("upload-time") or "",
                bool(item.get("yanked")),
            )
            for item in json.loads(body)["files"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InfrastructureError(
            f"The index page {_public(url)} can't be read: {error}."
        ) from error


def _public(url: str) -> str:
    """Return an address without user name and password, for messages."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _open(url: str, configuration: IndexConfiguration, page: bool = False) -> tuple[bytes, str]:
    """Return body and media type of an address; `FileNotFoundError` where there is nothing.

    Args:
        url: The address.
        configuration: Certificates.
        page: Whether the answer is kept by its ETag, and asked for again only if it changed.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        path = Path(urllib.parse.unquote(parts.path))
        path = path / "index.html" if path.is_dir() else path
        return path.read_bytes(), "text/html"
    request = urllib.request.Request(_public(url), headers={"Accept": ACCEPT})
    if parts.username is not None:
        pair = (
            f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        )
        request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    stored = StoredPage.load(_public(url)) if page else None
    if stored is not None:
        request.add_header("If-None-Match", stored.etag)
    bundle = str(configuration.certificates) if configuration.certificates else None
    context = ssl.create_default_context(cafile=bundle)
    reason = ""
    wait = 0.0
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(max(wait, 0.5 * 4**attempt))
        pace()
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as answer:
                body, kind = answer.read(), answer.headers.get("Content-Type", "")
                etag = answer.headers.get("ETag", "")
            if page and etag:
                StoredPage(etag, kind, body).save(_public(url))
            return body, kind
        except urllib.error.HTTPError as error:
            if error.code == 304 and stored is not None:
                return stored.body, stored.kind
            wait = asked_wait(error.headers.get("Retry-After", ""))
            if error.code in (404, 410):
                raise FileNotFoundError(_public(url)) from error
            reason = f"HTTP status {error.code}"
            if error.code < 500 and error.code != 429:
                break
        except (OSError, ValueError) as error:
            reason = str(getattr(error, "reason", error))
    raise InfrastructureError(
        f"The package index does not answer at {_public(url)} ({reason}): check the network and "
        "the index that pip or uv is configured for, then run the same command again."
    )


class PackageIndex:
    """The configured indexes as one.

    Args:
        configuration: Where to look; None asks pip's and uv's settings at first use.
    """

    def __init__(self, configuration: IndexConfiguration | None = None) -> None:
        self._given = configuration
        self._pages: dict[str, list[IndexFile]] = {}

    @property
    def configuration(self) -> IndexConfiguration:
        """The configuration in force."""
        return self._given or _configured()

    def files(self, package: str) -> list[IndexFile]:
        """Return all files of a project, those of the first index first.

        Raises:
            InfrastructureError: No index answers.
            RecordError: No index knows the project.
        """
        name = normalise(package)
        if name in self._pages:
            return self._pages[name]
        found: list[IndexFile] = []
        failure: InfrastructureError | None = None
        for index in self.configuration.indexes:
            url = f"{index.rstrip('/')}/{name}/"
            try:
                found += parse_page(*_open(url, self.configuration, page=True), url)
            except FileNotFoundError:
                continue
            except InfrastructureError as error:
                failure = failure or error
        for folder in self.configuration.folders:
            found += [
                IndexFile(path.name, path.absolute().as_uri())
                for path in sorted(folder.glob("*"))
                if normalise(path.name).startswith(name + "-")
            ]
        if not found:
            raise failure or RecordError(f"The package index has no project named {package!r}.")
        self._pages[name] = found
        return found

    def releases(self, package: str) -> list[Release]:
        """Return the final releases that have a source distribution, oldest first.

        Pre-releases, yanked files and files without a digest are left out.
        """
        from packaging.utils import InvalidSdistFilename, parse_sdist_filename
        from packaging.version import InvalidVersion, Version

        found: dict[Version, Release] = {}
        for item in self.files(package):
            if item.yanked or not item.sha256 or not item.filename.endswith(SUFFIXES):
                continue
            try:
                name, version = parse_sdist_filename(item.filename)
            except (InvalidSdistFilename, InvalidVersion):
                continue
            if name != normalise(package) or version.is_prerelease or version in found:
                continue
            text = _version_text(item.filename, str(version))
            archive = Archive(version=text, filename=item.filename, sha256=item.sha256)
            found[version] = Release(text, archive, item.uploaded)
        return [found[version] for version in sorted(found)]

    def fetch(self, package: str, archive: Archive, folder: Path) -> Path:
        """Return an archive's file in `folder`, downloading and checking it where it is missing.

        Two processes may fetch the same archive at once; a killed one leaves no half file
        under the final name.

        Args:
            package: Project name.
            archive: File name and SHA-256.
            folder: Content-addressed store of archives.

        Raises:
            NotPreparedError: It is not there and REPOGYM_OFFLINE is set.
            InfrastructureError: The index does not answer or no longer has the file.
            RecordError: What the index served has another digest.
        """
        if "/" in archive.filename or archive.filename in ("", ".", ".."):
            raise RecordError(f"{archive.filename!r} is not the name of an archive.")
        final = folder / archive.sha256[:2] / archive.sha256 / archive.filename
        if final.is_file() and _digest(final.read_bytes()) == archive.sha256:
            return final
        if offline():
            raise NotPreparedError(
                f"{archive.filename} is not in the cache and REPOGYM_OFFLINE is set: run "
                "`repogym tasks prepare SUITE` once with the network, then go on offline."
            )
        body = self._download(package, archive)
        final.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=final.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(body)
            Path(name).replace(final)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return final

    def _download(self, package: str, archive: Archive) -> bytes:
        wrong = ""
        named = [f for f in self.files(package) if f.filename == archive.filename]
        for item in sorted(named, key=lambda f: f.sha256 != archive.sha256):
            try:
                body, _ = _open(item.url, self.configuration)
            except FileNotFoundError:
                continue
            found = _digest(body)
            if found == archive.sha256:
                return body
            wrong = found
        if wrong:
            raise RecordError(
                f"{archive.filename} from the package index has SHA-256 {wrong}, the task names "
                f"{archive.sha256}: the file is not the one that the task was made from."
            )
        raise InfrastructureError(
            f"The package index has no file {archive.filename} of {package}: it may have been "
            "removed, or the configured index is a partial mirror."
        )


@lru_cache(maxsize=1)
def _configured() -> IndexConfiguration:
    return index_configuration()


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _version_text(filename: str, normal: str) -> str:
    """Return the version as the file name spells it (24.04.0 is not 24.4.0 in tags)."""
    stem = filename
    for suffix in SUFFIXES:
        stem = stem.removesuffix(suffix)
    return stem.rpartition("-")[2] or normal
