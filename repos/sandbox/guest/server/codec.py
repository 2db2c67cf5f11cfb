"""The values and frames that the exec server and its clients send each other.

A frame is a four-byte big-endian length and one encoded value, made of None, bool, int, float,
str, bytes, list and dict. What the server takes and gives is always `[request id, kind, body]`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Tuple

MAX_FRAME = 1 << 30


def encode(value: object) -> bytes:
    """Return the bytes of a value made of None, bool, int, float, str, bytes, list and dict."""
    out: List[bytes] = []
    _encode(value, out.append)
    return b"".join(out)


def _encode(value: object, put: "Callable[[bytes], None]") -> None:
    if value is None:
        put(b"n")
    elif value is True:
        put(b"t")
    elif value is False:
        put(b"f")
    elif isinstance(value, int):
        put(b"i%d;" % value)
    elif isinstance(value, float):
        put(b"r" + repr(value).encode() + b";")
    elif isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        put(b"s%d:" % len(data))
        put(data)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        put(b"b%d:" % len(data))
        put(data)
    elif isinstance(value, (list, tuple)):
        put(b"l")
        for item in value:
            _encode(item, put)
        put(b"e")
    elif isinstance(value, dict):
        put(b"d")
        for key, item in value.items():
            _encode(key, put)
            _encode(item, put)
        put(b"e")
    else:
        raise TypeError("can't send a value of type %s" % type(value).__name__)


def decode(data: bytes) -> "Any":
    """Return the value of `encode`d bytes.

    Raises:
        ValueError: The bytes are not one encoded value.
    """
    try:
        value, end = _decode(data, 0)
    except (IndexError, UnicodeDecodeError, TypeError, RecursionError) as error:
        raise ValueError("broken frame: %s" % error) from error
    if end != len(data):
        raise ValueError("broken frame: %d bytes too many" % (len(data) - end))
    return value


def _decode(data: bytes, at: int) -> "Tuple[Any, int]":
    tag = data[at : at + 1]
    at += 1
    if tag in (b"s", b"b"):
        colon = data.index(b":", at)
        start = colon + 1
        end = start + int(data[at:colon])
        if end < start or end > len(data):
            raise ValueError("broken frame: a length of %d" % (end - start))
        piece = bytes(data[start:end])
        return (piece.decode("utf-8", "surrogateescape") if tag == b"s" else piece), end
    if tag == b"i":
        end = data.index(b";", at)
        return int(data[at:end]), end + 1
    if tag == b"l":
        items = []
        while data[at : at + 1] != b"e":
            item, at = _decode(data, at)
            items.append(item)
        return items, at + 1
    if tag == b"d":
        table = {}
        while data[at : at + 1] != b"e":
            key, at = _decode(data, at)
            table[key], at = _decode(data, at)
        return table, at + 1
    if tag == b"n":
        return None, at
    if tag == b"t":
        return True, at
    if tag == b"f":
        return False, at
    if tag == b"r":
        end = data.index(b";", at)
        return float(data[at:end].decode()), end + 1
    raise ValueError("broken frame: unknown tag %r at %d" % (tag, at - 1))


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
