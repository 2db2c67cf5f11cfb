"""Runs inside the failing tests: the operations that expressions are made of, and their values.

Like `inside`, whose text goes before it, this travels in a candidate change.
"""

PLAIN = (str, bytes, int, float, bool, type(None), complex)
MANY = (list, tuple, dict, set, frozenset)
MAX_LENGTH = 4000

ONE = {
    "str": "a.strip()|a.lower()|a.rstrip()|a.lstrip()|a.upper()|a[1:]|a[:-1]|a[1:-1]|a.split()|"
    "a.splitlines()|len(a)|int(a)|float(a)|a[::-1]|a[0]|a[-1]|list(a)|a.capitalize()|a.title()|"
    "a.casefold()|a.swapcase()|a.encode()|repr(a)|' '.join(a.split())|a.isdigit()|a.isspace()|[a]",
    "bytes": "a.decode()|a.strip()|len(a)|a[1:]|a[:-1]|a.lower()|a.upper()",
    "num": "a + 1|a - 1|-a|abs(a)|str(a)|int(a)|float(a)|round(a)|a // 2|2 * a|~a|repr(a)",
    "seq": "list(a)|tuple(a)|a[::-1]|a[1:]|a[:-1]|a[0]|a[-1]|len(a)|[x for x in a if x]|"
    "[x for x in a if x is not None]|list(dict.fromkeys(a))",
    "pure-seq": "sorted(a)|set(a)|max(a)|min(a)|sum(a)|''.join(a)|' '.join(a)|any(a)|all(a)|"
    "sorted(set(a))|sorted(a, reverse=True)|[str(x) for x in a]|str(a)|repr(a)",
    "dict": "list(a)|list(a.values())|list(a.items())|len(a)|dict(a)|sorted(a)|"
    "{k: v for k, v in a.items() if v is not None}|{v: k for k, v in a.items()}|str(a)",
    "set": "sorted(a)|list(a)|len(a)|tuple(sorted(a))",
    "none": "''|[]|{}|0",
    "any": "not a|bool(a)|[a]|(a,)",
}
TWO = {
    "str str": "a + b|b + a|a.strip(b)|a.rstrip(b)|a.lstrip(b)|a.replace(b, '')|a.split(b)|"
    "a.removeprefix(b)|a.removesuffix(b)|a.split(b)[0]|a.split(b)[-1]|a.split(b, 1)|"
    "a.rsplit(b, 1)|a.rsplit(b, 1)[0]|a.partition(b)[0]|a.partition(b)[2]|a.rpartition(b)[0]|"
    "a.rpartition(b)[2]|b in a|a.startswith(b)|a.endswith(b)|a.count(b)|a.find(b)|a.rfind(b)|"
    "a == b|a + ' ' + b|b.join(a)|a % b",
    "num num": "a + b|a - b|b - a|a * b|a // b|a % b|a / b|max(a, b)|min(a, b)|b // a|b % a|b / a|"
    "a < b|a <= b|a == b|round(a, b)|-(-a // b)|a & b|a | b",
    "seq seq": "a + b|b + a|[x for x in a if x not in b]|[x for x in a if x in b]|"
    "[*a, *b]|[*b, *a]|list(zip(a, b))|a == b",
    "seq num": "a[:b]|a[b:]|a[b]|a[:-b]|a[-b:]|a * b|a[b - 1]|a[b + 1:]",
    "str num": "a[:b]|a[b:]|a[b]|a * b|a[:-b]|a[-b:]|a[b - 1]|a[b + 1:]|a.ljust(b)|a.rjust(b)|"
    "a.zfill(b)|int(a, b)",
    "num str": "str(a) + b|b + str(a)",
    "str seq": "a.join(b)|a.join(map(str, b))|a in b",
    "dict dict": "{**a, **b}|{**b, **a}|{k: a[k] for k in a if k not in b}|a == b",
    "dict any": "a.get(b)|a[b]|a.get(b, b)|b in a",
    "seq any": "[*a, b]|[b, *a]|[x for x in a if x != b]|b in a|a.count(b)|a.index(b)",
    "set set": "a | b|a & b|a - b|b - a|a ^ b",
    "set any": "b in a|a - {b}|a | {b}",
    "set seq": "a | set(b)|a - set(b)|a & set(b)",
    "any any": "a or b|a and b|b if a is None else a|[a, b]|(a, b)",
}
MADE = {}


def made(text):
    """Return the function of an operation's text."""
    if text not in MADE:
        MADE[text] = eval("lambda a, b=None: " + text, {"__builtins__": __builtins__})
    return MADE[text]


def pure(value, depth=3):
    """Whether a value consists of built-in types alone and is small."""
    kind = type(value)
    if kind in PLAIN:
        return kind not in (str, bytes) or len(value) <= MAX_LENGTH
    if kind not in MANY or depth == 0 or len(value) > 300:
        return False
    if kind is dict:
        return all(pure(k, depth - 1) and pure(v, depth - 1) for k, v in value.items())
    return all(pure(one, depth - 1) for one in value)


def sign(value, depth=3):
    """Return what two values that are alike share; project code is never asked."""
    kind = type(value)
    if kind in PLAIN:
        return kind.__name__, repr(value)
    if kind in MANY and depth and len(value) <= 300:
        if kind is dict:
            parts = [(sign(k, depth - 1), sign(v, depth - 1)) for k, v in value.items()]
        else:
            parts = [sign(one, depth - 1) for one in value]
        if kind in (set, frozenset):
            parts.sort(key=repr)
        return kind.__name__, tuple(parts)
    return "object", id(value)


def kinds(value):
    """Return the kinds of a value for the tables of operations."""
    kind = type(value)
    if kind is str or kind is bytes:
        return (kind.__name__,) if len(value) <= MAX_LENGTH else ()
    if kind in (int, float):
        return ("num",) if abs(value) < 10**6 else ()
    if kind in (list, tuple):
        return ("seq", "pure-seq") if pure(value) else ("seq",)
    if kind is dict or kind in (set, frozenset):
        return ("dict" if kind is dict else "set",) if pure(value) else ()
    return ("none",) if value is None else ()


def common(values):
    """Return the kinds that all values share."""
    found = [kinds(value) for value in values]
    return tuple(kind for kind in found[0] if all(kind in other for other in found))
