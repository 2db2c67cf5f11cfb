"""The values and frames that the exec server and its clients send each other.

A frame is a four-byte big-endian length and one encoded value, made of None, bool, int, float,
str, bytes, list and dict whose keys are texts, not empty. What the server takes and gives is always
`[request id, kind, body]`.

An encoded value is the length of a JSON text (four bytes), that text in ASCII, and behind it the
bytes of the value's byte strings; in the text stands `{"": SIZE}` for each. JSON holds nothing
but values, so what a hostile sender can do is send a wrong one; `marshal` would be no faster,
and is not safe to read.
"""

try:
    import _json  # the C parts alone: the package `json` around them takes 10 ms to import
except ImportError:  # an interpreter without them
    _json = None

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple

MAX_FRAME = 1 << 30
_c: "Any" = _json


def encode(value: object) -> bytes:
    """Return the bytes of a value.

    Raises:
        TypeError: It holds something of another type.
    """
    pieces: List[bytes] = [b"", b""]

    def put_aside(item: object) -> "Dict[str, int]":
        if not isinstance(item, (bytes, bytearray, memoryview)):
            raise TypeError("can't send a value of type %s" % type(item).__name__)
        data = bytes(item)
        pieces.append(data)
        return {"": len(data)}

    text = _to_json(value, put_aside).encode("ascii")
    pieces[0] = len(text).to_bytes(4, "big")
    pieces[1] = text
    return b"".join(pieces)


def _to_json(value: object, default: "Callable[[object], object]") -> str:
    if _c is None:
        import json

        return json.dumps(value, default=default, check_circular=False, separators=(",", ":"))
    quote = _c.encode_basestring_ascii
    write = _c.make_encoder(None, default, quote, None, ":", ",", False, False, True)
    return "".join(write(value, 0))


def decode(data: bytes) -> "Any":
    """Return the value of `encode`d bytes.

    Raises:
        ValueError: The bytes are not one encoded value.
    """
    start = 4 + int.from_bytes(data[:4], "big")
    if len(data) < 5 or start > len(data):
        raise ValueError("broken frame: it ends within its text")
    text = data[4:start].decode("ascii")
    try:
        if start == len(data) and '{"":' not in text:
            return _from_json(text, None)  # nothing was put aside
        return _with_bytes(text, data, start)
    except (TypeError, RecursionError, StopIteration) as error:
        raise ValueError("broken frame: %r" % error) from error


def _with_bytes(text: str, data: bytes, at: int) -> "Any":
    def take(table: "Dict[str, Any]") -> "Any":
        nonlocal at
        size = table.get("")
        if len(table) != 1 or type(size) is not int:
            return table
        piece = data[at : at + size]
        if size < 0 or len(piece) != size:
            raise ValueError("broken frame: a length of %d" % size)
        at += size
        return piece

    value = _from_json(text, take)
    if at != len(data):
        raise ValueError("broken frame: %d bytes too many" % (len(data) - at))
    return value


class _Scanner:
    """How the C parser is told what to make of a text; it reads these attributes."""

    strict = True
    object_hook: "Optional[Callable[[Dict[str, Any]], Any]]" = None
    object_pairs_hook = None
    array_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float

    def __init__(self, hook: "Optional[Callable[[Dict[str, Any]], Any]]") -> None:
        self.object_hook = hook


_plain: "Any" = None if _c is None else _c.make_scanner(_Scanner(None))


def _from_json(text: str, hook: "Optional[Callable[[Dict[str, Any]], Any]]") -> "Any":
    if _c is None:
        import json

        return json.loads(text, object_hook=hook)
    scan = _plain if hook is None else _c.make_scanner(_Scanner(hook))
    found: Tuple[Any, int] = scan(text, 0)
    if found[1] != len(text):
        raise ValueError("broken frame: %d characters too many" % (len(text) - found[1]))
    return found[0]


def frame(value: object) -> bytes:
    """Return a value as a frame, ready to send."""
    body = encode(value)
    if len(body) > MAX_FRAME:
        raise ValueError("a frame of %d bytes is too large" % len(body))
    return len(body).to_bytes(4, "big") + body


def take_frames(buffer: bytearray) -> "List[Any]":
    """Remove all complete frames from the front of a bytearray and return their values."""
    values = []
    at = 0
    while len(buffer) - at >= 4:
        size = int.from_bytes(buffer[at : at + 4], "big")
        if size > MAX_FRAME:
            raise ValueError("a frame of %d bytes is too large" % size)
        if len(buffer) - at - 4 < size:
            break
        values.append(decode(bytes(buffer[at + 4 : at + 4 + size])))
        at += 4 + size
    if at:
        del buffer[:at]
    return values
