import pytest

import iniform


@pytest.mark.parametrize("value", ["plain", "", " padded ", "a # b", "x;y", 'q"q', "two\nlines", "back\\slash"])
def test_round_trip(value):
    config = iniform.Config()
    config.section("s")["key"] = value
    assert iniform.loads(iniform.dumps(config))["s"].raw["key"] == value


def test_layout():
    config = iniform.loads("top = 1\n[b]\nx = ${top}\n[a]\ny = 2\n")
    assert iniform.dumps(config) == "top = 1\n\n[b]\nx = ${top}\n\n[a]\ny = 2\n"


def test_changes():
    config = iniform.loads("[a]\nx = 1\ny = 2\n")
    config["a"]["X"] = 3
    del config["a"]["y"]
    assert iniform.dumps(config) == "[a]\nx = 3\n"
