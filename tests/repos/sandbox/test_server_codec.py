from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repos.sandbox.guest.server import codec
from repos.sandbox.guest.server.jobs import HeadTail

text = st.text(st.characters(exclude_categories=["Cs"]))
keys = text.filter(bool)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=25,
)


@given(values)
def test_what_is_encoded_is_decoded(value):
    assert codec.decode(codec.encode(value)) == value


@given(st.lists(values, max_size=5), st.data())
def test_frames_survive_any_cutting_of_the_stream(items, data):
    stream = b"".join(codec.frame(item) for item in items)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    buffer, got = bytearray(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        buffer += stream[start:end]
        got += codec.take_frames(buffer)
    assert got == items
    assert not buffer


@given(st.binary(max_size=60))
def test_broken_frames_are_value_errors(data):
    try:
        value = codec.decode(data)
    except ValueError:
        return
    # Bytes are compared, for a number that is none is not equal to itself.
    assert codec.encode(codec.decode(codec.encode(value))) == codec.encode(value)


@pytest.mark.parametrize(
    "text", ['{"":-1}', '{"":9}', '{"":', "[" * 200_000, "1 2", "", '{"":1}x', "nul"]
)
def test_a_hostile_text_is_a_value_error(text):
    data = text.encode()
    with pytest.raises(ValueError, match=r"."):
        codec.decode(len(data).to_bytes(4, "big") + data + b"ab")


def test_undecodable_file_names_pass():
    name = b"\xff\xfe name".decode("utf-8", "surrogateescape")
    assert codec.decode(codec.encode([name])) == [name]


def test_a_frame_that_claims_too_much_is_refused():
    with pytest.raises(ValueError, match="too large"):
        codec.take_frames(bytearray(b"\xff\xff\xff\xffabc"))


@given(st.binary(max_size=400), st.integers(0, 60))
def test_head_and_tail_are_kept(data, limit):
    ends = HeadTail(limit)
    for at in range(0, len(data), 7):
        ends.add(data[at : at + 7])
    kept, dropped = ends.result()
    assert len(kept) + dropped == len(data)
    if len(data) <= limit:
        assert kept == data
    else:
        tail = limit // 2
        head = limit - tail
        assert kept == data[:head] + (data[-tail:] if tail else b"")
