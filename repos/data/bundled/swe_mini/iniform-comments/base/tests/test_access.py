import pytest

import iniform
from iniform import ConversionError, InterpolationError


def section(text):
    return iniform.loads(text)[""]


def test_numbers():
    values = section("a = 42\nb = 0x1f\nc = 1_000\nd = 2.5")
    assert values.integer("a") == 42
    assert values.integer("b") == 31
    assert values.integer("c") == 1000
    assert values.number("d") == 2.5
    assert values.integer("zzz") is None
    assert values.integer("zzz", 5) == 5
    with pytest.raises(ConversionError):
        values.integer("d")


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("ON", True), ("0", False), ("False", False)])
def test_booleans(text, value):
    assert section(f"a = {text}").boolean("a") is value


def test_bad_boolean():
    with pytest.raises(ConversionError):
        section("a = maybe").boolean("a")


@pytest.mark.parametrize(
    ("text", "value"), [("90", 90.0), ("1m 30s", 90.0), ("1.5h", 5400.0), ("250ms", 0.25), ("2d1h", 176400.0)]
)
def test_seconds(text, value):
    assert section(f"a = {text}").seconds("a") == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "soon", "1y", "1h later"])
def test_bad_seconds(text):
    with pytest.raises(ConversionError):
        section(f"a = {text}").seconds("a")


def test_listing():
    assert section("a = x, y,,z,\n  w").listing("a") == ["x", "y", "z", "w"]


def test_references():
    config = iniform.loads("base = /srv\n[a]\nx = ${base}/x\n[b]\ny = ${a:x}/y\nprice = 5$$\n")
    assert config["b"]["y"] == "/srv/x/y"
    assert config["b"]["price"] == "5$"
    assert config["b"].raw["y"] == "${a:x}/y"


def test_missing_reference():
    with pytest.raises(InterpolationError, match="which isn't there"):
        section("a = ${b}")["a"]


def test_circular_reference():
    with pytest.raises(InterpolationError, match="refers to itself"):
        section("a = ${b}\nb = ${A}")["a"]
