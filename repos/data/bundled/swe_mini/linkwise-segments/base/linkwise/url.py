"""The URL itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from . import paths
from .encoding import FRAGMENT, canonical, decode, encode
from .errors import UrlError
from .query import Query

# RFC 3986, appendix B.
_PARTS = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):)?"
    r"(?://(?P<authority>[^/?#]*))?"
    r"(?P<path>[^?#]*)"
    r"(?:\?(?P<query>[^#]*))?"
    r"(?:\#(?P<fragment>.*))?",
    re.DOTALL,
)
_AUTHORITY = re.compile(
    r"(?:(?P<user>[^@]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@\[\]]*)(?::(?P<port>\d*))?"
)
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f<>\"{}|\\^`]")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}


class Url:
    """An immutable URL or relative reference.

    Args:
        text: the URL, encoded as it would stand in a document; characters
            beyond ASCII may stand for themselves.

    Raises:
        UrlError: if the text has blanks or other forbidden characters, or a
            malformed host or port.
    """

    __slots__ = ("_parts", "_text")

    def __init__(self, text: str | Url) -> None:
        text = str(text)
        forbidden = _FORBIDDEN.search(text)
        if forbidden:
            raise UrlError(f"{forbidden[0]!r} isn't allowed in a URL: {text!r}")
        match = _PARTS.fullmatch(text)
        assert match is not None  # the expression takes any text
        self._text = text
        self._parts: dict[str, str | None] = match.groupdict()
        authority = _AUTHORITY.fullmatch(self._parts["authority"] or "")
        if authority is None:
            raise UrlError(f"malformed host or port: {text!r}")
        self._parts.update(authority.groupdict())
        if self._parts["port"] and int(self._parts["port"]) > 65535:
            raise UrlError(f"no such port: {self._parts['port']}")

    # Parts -----------------------------------------------------------------

    @property
    def scheme(self) -> str:
        return (self._parts["scheme"] or "").lower()

    @property
    def host(self) -> str:
        """The host in lower case, without the brackets of an IPv6 address."""
        return (self._parts["host"] or "").lower().strip("[]")

    @property
    def port(self) -> int | None:
        """The port, or the scheme's default, or None."""
        explicit = self._parts["port"]
        return int(explicit) if explicit else _DEFAULT_PORTS.get(self.scheme)

    @property
    def user(self) -> str | None:
        user = self._parts["user"]
        return None if user is None else decode(user.partition(":")[0])

    @property
    def raw_path(self) -> str:
        return self._parts["path"] or ""

    @property
    def raw_query(self) -> str:
        return self._parts["query"] or ""

    @property
    def raw_fragment(self) -> str:
        return self._parts["fragment"] or ""

    @property
    def segments(self) -> tuple[str, ...]:
        """The decoded segments of the path."""
        return paths.to_segments(self.raw_path)

    @property
    def name(self) -> str:
        """The last segment, decoded; "" behind a trailing slash."""
        return self.segments[-1] if self.segments else ""

    @property
    def suffix(self) -> str:
        """The file suffix of the name, with its dot, or ""."""
        stem, dot, suffix = self.name.rpartition(".")
        return dot + suffix if stem and suffix else ""

    @property
    def query(self) -> Query:
        return Query.parse(self.raw_query)

    @property
    def fragment(self) -> str:
        return decode(self.raw_fragment)

    @property
    def is_absolute(self) -> bool:
        return bool(self.scheme)

    @property
    def parent(self) -> Url:
        """The folder that the path is in; without query and fragment."""
        return self._replace(path=paths.parent(self.raw_path), query=None, fragment=None)

    # Changes ---------------------------------------------------------------

    def with_segments(self, segments: Iterable[str]) -> Url:
        """The URL with another path; without query and fragment."""
        return self._replace(path=paths.from_segments(segments), query=None, fragment=None)

    def child(self, *segments: str) -> Url:
        """The URL of something below this path; without query and fragment.

        Raises:
            UrlError: if no segment is given.
        """
        if not segments:
            raise UrlError("child() needs at least one segment")
        return self._replace(path=paths.append(self.raw_path, segments), query=None, fragment=None)

    def __truediv__(self, segment: str) -> Url:
        return self.child(segment)

    def with_query(self, values: Any = None, /, **named: Any) -> Url:
        """The URL with these names in the query replaced or added."""
        query = self.query.merged(Query.of({**(values or {}), **named}))
        return self._replace(query=str(query) or None)

    def without_query(self, *names: str) -> Url:
        """The URL without these names in the query; without names, without query."""
        query = self.query.without(*names) if names else Query()
        return self._replace(query=str(query) or None)

    def with_fragment(self, fragment: str | None) -> Url:
        encoded = None if fragment is None else encode(fragment, FRAGMENT)
        return self._replace(fragment=encoded)

    def join(self, reference: str | Url) -> Url:
        """Resolve a reference against this URL (RFC 3986, 5.2.2).

        Raises:
            UrlError: if this URL is relative.
        """
        if not self.is_absolute:
            raise UrlError(f"can't join to a relative URL: {self._text!r}")
        other = Url(reference)
        p = other._parts
        if p["scheme"] is not None:
            return other._replace(path=paths.remove_dots(other.raw_path))
        scheme = self._parts["scheme"]
        if p["authority"] is not None:
            return other._replace(scheme=scheme, path=paths.remove_dots(other.raw_path))
        query = p["query"]
        if not other.raw_path:
            path = self.raw_path
            query = self._parts["query"] if query is None else query
        elif other.raw_path.startswith("/"):
            path = paths.remove_dots(other.raw_path)
        else:
            has_host = self._parts["authority"] is not None
            path = paths.remove_dots(paths.merge(self.raw_path, other.raw_path, has_host=has_host))
        return self._replace(path=path, query=query, fragment=p["fragment"])

    def normalized(self) -> Url:
        """The same URL in its usual form: case, port, escapes, dots."""
        changes: dict[str, str | None] = {}
        if self._parts["scheme"] is not None:
            changes["scheme"] = self.scheme
        if self._parts["authority"] is not None:
            changes["authority"] = self._normal_authority()
        path = paths.remove_dots(canonical(self.raw_path))
        changes["path"] = "/" if not path and self.host else path
        for part in ("query", "fragment"):
            raw = self._parts[part]
            changes[part] = None if raw is None else canonical(raw)
        return self._replace(**changes)

    def _normal_authority(self) -> str:
        user, host, port = (self._parts[part] for part in ("user", "host", "port"))
        text = "" if user is None else f"{user}@"
        text += (host or "").lower()
        if port and int(port) != _DEFAULT_PORTS.get(self.scheme):
            text += f":{int(port)}"
        return text

    def _replace(self, **changes: str | None) -> Url:
        """Put the parts together again, some of them changed."""
        parts = {**self._parts, **changes}
        text = ""
        if parts["scheme"] is not None:
            text += f"{parts['scheme']}:"
        if parts["authority"] is not None:
            text += f"//{parts['authority']}"
        text += parts["path"] or ""
        if parts["query"] is not None:
            text += f"?{parts['query']}"
        if parts["fragment"] is not None:
            text += f"#{parts['fragment']}"
        return Url(text)

    # Object ----------------------------------------------------------------

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Url({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Url) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)
