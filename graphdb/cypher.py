"""Guards Cypher queries: they may only read, and a wrong name gets an answer one can act on.

Engines differ in what they allow: kglite reads host files with LOAD CSV, some servers accept a
write in a read transaction. So every query is split into tokens and checked here first, against
lists of what is allowed rather than of what is forbidden where that is possible (functions and
procedures).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from graphdb.errors import QueryError, ReadOnlyError
from graphdb.schema import EDGE_PROPERTIES, EDGE_TYPES, LABELS, NODE_PROPERTIES

if TYPE_CHECKING:
    from graphdb.stores.base import Limits

#: Longer queries are refused.
MAX_LENGTH = 20_000

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n\r]*|/\*.*?\*/)
    |(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<quoted>`(?:[^`]|``)*`)
    |(?P<number>\d+(?:\.(?!\.)\d+)?(?:[eE][+-]?\d+)?|0[xX][0-9a-fA-F]+)
    |(?P<parameter>\$\w+|\$`[^`]*`)
    |(?P<name>[^\W\d]\w*)
    |(?P<sign>\.\.|<-|->|<=|>=|<>|=~|\+=|\|\||.)""",
    re.VERBOSE | re.DOTALL,
)

_WRITES = frozenset(
    {"CREATE", "MERGE", "SET", "DELETE", "DETACH", "NODETACH", "REMOVE", "INSERT", "FOREACH"}
)  # fmt: skip
_ADMINISTRATION = frozenset(
    {"DROP", "LOAD", "USE", "GRANT", "DENY", "REVOKE", "ALTER", "SHOW", "TERMINATE", "START",
     "STOP", "TRANSACTIONS", "COMMIT", "PERIODIC", "ENABLE", "RENAME", "EXPLAIN", "PROFILE"}
)  # fmt: skip
_PROCEDURES = frozenset({"db.labels", "db.relationshiptypes", "db.propertykeys"})
_FUNCTIONS = frozenset(
    {"abs", "all", "allshortestpaths", "any", "avg", "ceil", "char_length", "coalesce", "collect",
     "count", "degree", "endnode", "exists", "floor", "head", "id", "elementid", "isempty", "keys",
     "labels", "last", "left", "length", "log", "lower", "ltrim", "max", "min", "nodes", "none",
     "nullif", "percentilecont", "percentiledisc", "properties", "range", "reduce", "relationships",
     "replace", "reverse", "right", "round", "rtrim", "shortestpath", "sign", "single", "size",
     "split", "sqrt", "startnode", "stdev", "stdevp", "substring", "sum", "tail", "toboolean",
     "tofloat", "tointeger", "tolower", "tostring", "toupper", "trim", "type", "upper"}
)  # fmt: skip
_BEFORE_BRACKET = frozenset(
    {"AND", "AS", "BY", "CALL", "CASE", "CONTAINS", "DISTINCT", "ELSE", "IN", "IS", "LIMIT",
     "MATCH", "NOT", "ON", "OPTIONAL", "OR", "RETURN", "SKIP", "THEN", "UNION", "UNWIND", "WHEN",
     "WHERE", "WITH", "XOR", "FILTER", "ALL", "YIELD"}
)  # fmt: skip
_PROPERTIES = frozenset(NODE_PROPERTIES) | frozenset(EDGE_PROPERTIES)


class Token(NamedTuple):
    """A piece of a query.

    Attributes:
        kind: ``text``, ``quoted``, ``number``, ``parameter``, ``name`` or ``sign``.
        text: As written.
        offset: Where it starts.
    """

    kind: str
    text: str
    offset: int


class Checked(NamedTuple):
    """A query that may run.

    Attributes:
        text: The query with its comments blanked, so that no engine reads them another way.
        notes: Remarks for the asker that are no errors.
    """

    text: str
    notes: list[str]


def check(query: str) -> Checked:
    """Check a query before it reaches an engine.

    Raises:
        ReadOnlyError: It would write, administer, read files or call a procedure.
        QueryError: It is empty or too long, or names a label, relationship type or function that
            does not exist.
    """
    if len(query) > MAX_LENGTH:
        raise QueryError(f"the query has {len(query):,} characters; the limit is {MAX_LENGTH:,}")
    if "\\u" in query:
        raise QueryError("unicode escapes are not allowed in a query; pass the text as a parameter")
    tokens = list(_tokens(query))
    if not tokens:
        raise QueryError("the query is empty; write for example MATCH (c:CLASS) RETURN c.name")
    notes: list[str] = []
    opened: list[tuple[str, bool]] = []
    for place, token in enumerate(tokens):
        before = tokens[place - 1] if place else None
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        if token.kind == "sign":
            _bracket(token, before, opened)
            if token.text == ":" and not (opened and opened[-1][0] == "{"):
                _labels(query, tokens, place, bool(opened and opened[-1][1]))
            continue
        if token.kind != "name":
            continue
        previous = before.text if before else ""
        if previous == ".":
            _property(token, after, notes)
            if after is not None and after.text == "(":
                _function(query, tokens, place)
            continue
        if previous in (":", "|", "&", "!") or (after is not None and after.text == ":"):
            continue  # a label or type, checked above, or the key of a map
        word = token.text.upper()
        if word in _WRITES or word in _ADMINISTRATION:
            _refuse(query, token, word, previous)
        if word == "FORMAT" and after is not None and after.text.upper() == "CSV":
            _refuse(query, token, word, previous)
        if word == "CALL":
            _procedure(query, tokens, place)
        elif after is not None and after.text == "(" and word not in _BEFORE_BRACKET:
            _function(query, tokens, place)
    blanked = _TOKEN.sub(_blank, query)
    return Checked(blanked, notes)


def _blank(match: re.Match[str]) -> str:
    """A comment as spaces, with its line ends; anything else as it is."""
    if match.lastgroup == "space" and match.group()[0] == "/":
        return re.sub(r"[^\n]", " ", match.group())
    return match.group()


def _tokens(query: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(query):
        kind = match.lastgroup or ""
        if kind != "space":
            yield Token(kind, match.group(), match.start())


def _bracket(token: Token, before: Token | None, opened: list[tuple[str, bool]]) -> None:
    if token.text in "([{":
        relation = token.text == "[" and before is not None and before.text in ("-", "<-")
        opened.append((token.text, relation))
    elif token.text in ")]}" and opened:
        opened.pop()


def _labels(query: str, tokens: list[Token], place: int, relation: bool) -> None:
    known = EDGE_TYPES if relation else LABELS
    what = "relationship type" if relation else "label"
    for token in tokens[place + 1 :]:
        if token.kind in ("name", "quoted"):
            name = token.text.strip("`")
            if name not in known:
                near = get_close_matches(name.upper(), known, 1, 0.5)
                hint = f"; did you mean {near[0]}?" if near else "."
                raise QueryError(
                    f"unknown {what} {name!r} at {_at(query, token.offset)}{hint} "
                    f"There are {', '.join(known)}",
                    position(query, token.offset),
                )
        elif token.text not in ("|", ":", "&", "!"):
            return
        following = tokens[tokens.index(token) + 1 :][:1]
        if token.kind in ("name", "quoted") and (
            not following or following[0].text not in ("|", ":", "&")
        ):
            return


def _property(token: Token, after: Token | None, notes: list[str]) -> None:
    if token.text in _PROPERTIES or (after is not None and after.text in ("(", ".")):
        return
    near = get_close_matches(token.text, _PROPERTIES, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f" (there are {', '.join(NODE_PROPERTIES)})"
    notes.append(f"nothing has a property {token.text!r}, so it is null{hint}")


def _refuse(query: str, token: Token, word: str, previous: str) -> None:
    if previous.upper() == "AS":
        return
    what = "would change the graph" if word in _WRITES else "is not allowed here"
    raise ReadOnlyError(
        f"{word} at {_at(query, token.offset)} {what}: the graph is read-only; "
        "use MATCH, WHERE, WITH, UNWIND and RETURN",
        position(query, token.offset),
    )


def _dotted(tokens: list[Token], place: int) -> str:
    first = place
    while first >= 2 and tokens[first - 1].text == "." and tokens[first - 2].kind == "name":
        first -= 2
    return ".".join(token.text for token in tokens[first : place + 1 : 2])


def _function(query: str, tokens: list[Token], place: int) -> None:
    name = _dotted(tokens, place)
    first = place - 2 * name.count(".")
    if first and tokens[first - 1].text.upper() == "CALL":
        return  # a procedure, checked as one
    if name.lower() not in _FUNCTIONS:
        near = get_close_matches(name.lower(), _FUNCTIONS, 1)
        hint = f"; did you mean {near[0]}()?" if near else ""
        raise QueryError(
            f"unknown function {name}() at {_at(query, tokens[place].offset)}{hint}",
            position(query, tokens[place].offset),
        )


def _procedure(query: str, tokens: list[Token], place: int) -> None:
    parts: list[str] = []
    for token in tokens[place + 1 :]:
        if token.kind != "name" and token.text != ".":
            break
        if token.kind == "name" and parts and parts[-1] != ".":
            break
        parts.append(token.text)
    name = "".join(parts)
    if name and name.lower() not in _PROCEDURES:
        raise ReadOnlyError(
            f"the procedure {name} at {_at(query, tokens[place].offset)} can't be called; allowed "
            "are db.labels, db.relationshipTypes and db.propertyKeys",
            position(query, tokens[place].offset),
        )


def position(query: str, offset: int) -> tuple[int, int]:
    """Line and column (both from 1) of an offset."""
    line = query.count("\n", 0, offset) + 1
    return line, offset - (query.rfind("\n", 0, offset) + 1) + 1


def _at(query: str, offset: int) -> str:
    line, column = position(query, offset)
    return f"line {line}, column {column}"


def explain(message: str, query: str, at: tuple[int, int] | None = None) -> str:
    """An engine's message as one sentence, with the place and the line it means."""
    lines = [line.strip() for line in message.strip().splitlines()]
    text = re.sub(r"^(Cypher (syntax|execution|type)?\s*error:?|Schema error:)\s*", "",
                  lines[0] if lines else message, flags=re.IGNORECASE)  # fmt: skip
    text = re.sub(r"^at line \d+, col(umn)? \d+:?\s*", "", text).rstrip(". ")
    if at is None:
        return f"the query is wrong: {text}"
    written = query.splitlines()[at[0] - 1].strip() if at[0] <= query.count("\n") + 1 else ""
    return f"the query is wrong at line {at[0]}, column {at[1]}: {text}; in: {written}"


def timeout_text(limits: Limits) -> str:
    """What to say when a query ran out of time."""
    return (
        f"the query took longer than {limits.seconds:g} s; start from a label with an id or name, "
        "and bound every * as in *1..3"
    )


def work_text(limits: Limits) -> str:
    """What to say when a query did too much work."""
    return (
        f"the query needs more than {limits.work:,} units of work; start from a label with an id "
        "or name, bound every * as in *1..3, or add LIMIT"
    )


def position_in(message: str) -> tuple[int, int] | None:
    """Line and column that a server's message names, if any."""
    found = re.search(r"line[: ]+(\d+)\D{1,4}(?:col(?:umn)?|position)[: ]+(\d+)", message, re.I)
    found = found or re.search(r"\bline (\d+):(\d+)", message)
    return (int(found.group(1)), int(found.group(2))) if found else None
