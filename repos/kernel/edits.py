"""Takes a fix back, or makes a mistake, in one C function: by its syntax, not by stored text.

A recipe says what to change in the words of the language ("drop the check of X in function
F"), so that it holds no text of the kernel and still fits when the lines around it move.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from repos.errors import RecordError

if TYPE_CHECKING:
    from tree_sitter import Node

Operator = Literal["drop_if", "drop_clause", "drop_statement", "swap", "replace"]


class SourceEdit(BaseModel):
    """One change of one function.

    Attributes:
        path: The file, relative to the repository.
        function: The function.
        operator: `drop_if` removes the if statement whose condition holds `about`;
            `drop_clause` removes the operand `about` of an || or &&; `drop_statement` removes
            the statement that holds it; `swap` exchanges that with the one after it;
            `replace` puts `instead` in its place.
        about: Words of the expression or statement; white space does not count.
        instead: For `replace`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    function: str
    operator: Operator
    about: str = Field(min_length=1)
    instead: str = ""


def apply_edit(source: bytes, edit: SourceEdit) -> bytes:
    """Return a file with one change made.

    Raises:
        RecordError: The function is not there, or not exactly one place fits.
    """
    function = _function(source, edit)
    places = list(_places(function, edit))
    if len(places) != 1:
        raise RecordError(
            f"{len(places)} places of {edit.function} in {edit.path} fit {edit.operator} "
            f"{edit.about!r}; it must be one."
        )
    start, end, text = places[0]
    if not text:
        start, end = _whole_lines(source, start, end)
    return source[:start] + text + source[end:]


def _whole_lines(source: bytes, start: int, end: int) -> tuple[int, int]:
    """Widen what is removed to whole lines, and not leave two blank lines where it was."""
    line = source.rfind(b"\n", 0, start) + 1
    after = source.find(b"\n", end) + 1
    if source[line:start].strip() or source[end:after].strip() or not after:
        return start, end
    if source[:line].endswith((b"\n\n", b"{\n")) and source[after:].startswith(b"\n"):
        after += 1
    return line, after


def _function(source: bytes, edit: SourceEdit) -> Node:
    import tree_sitter_c
    from tree_sitter import Language, Parser

    tree = Parser(Language(tree_sitter_c.language())).parse(source)
    for node in _walk(tree.root_node):
        if node.type == "function_definition":
            declarator = node.child_by_field_name("declarator")
            while declarator is not None and declarator.type != "identifier":
                declarator = declarator.child_by_field_name("declarator")
            if declarator is not None and _text(declarator) == edit.function:
                return node
    raise RecordError(f"{edit.path} has no function {edit.function}.")


def _walk(node: Node) -> Iterator[Node]:
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending += reversed(current.children)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _places(function: Node, edit: SourceEdit) -> Iterator[tuple[int, int, bytes]]:
    """Yield (start, end, new text) of each place that fits."""
    about = _squeezed(edit.about)
    if edit.operator == "replace":
        whole = function.text or b""
        words = [re.escape(w) for w in edit.about.encode().split()]
        for match in re.finditer(rb"\s+".join(words), whole):
            start = function.start_byte
            yield start + match.start(), start + match.end(), edit.instead.encode()
        return
    for node in _walk(function):
        if edit.operator == "drop_if" and node.type == "if_statement":
            condition = node.child_by_field_name("condition")
            if condition is not None and about in _squeezed(_text(condition)):
                start = node.start_byte
                before = node.prev_sibling
                if before is not None and before.type == "comment":
                    start = before.start_byte
                yield start, node.end_byte, b""
        elif edit.operator == "drop_clause" and node.type == "binary_expression":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            mark = node.child_by_field_name("operator")
            if left is None or right is None or mark is None or mark.type not in ("||", "&&"):
                continue
            for one, other in ((left, right), (right, left)):
                if _squeezed(_text(one)) == about:
                    yield node.start_byte, node.end_byte, other.text or b""
        elif edit.operator in ("drop_statement", "swap") and node.type in (
            "expression_statement",
            "declaration",
        ):
            if about not in _squeezed(_text(node)):
                continue
            if edit.operator == "drop_statement":
                yield node.start_byte, node.end_byte, b""
            elif (after := node.next_named_sibling) is not None:
                gap = (function.text or b"")[
                    node.end_byte - function.start_byte : after.start_byte - function.start_byte
                ]
                text = (after.text or b"") + gap + (node.text or b"")
                yield node.start_byte, after.end_byte, text
