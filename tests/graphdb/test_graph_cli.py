"""The verbs as a person runs them."""

import json
import subprocess
import sys
import xml.dom.minidom
from pathlib import Path

import pytest


def run(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "graphdb.cli", *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == status, done.stderr
    return done


def test_build_query_stats_and_show(shop_once: Path, tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    built = json.loads(run("build", shop_once, "--keep", keep, "--json").stdout)
    assert (built["files"], built["indexed"], built["left_out"]) == (8, 8, [])
    assert json.loads(run("build", shop_once, "--keep", keep, "--json").stdout)["indexed"] == 0
    text = "MATCH (f)-[:CALLS]->(g {name: $name}) WHERE g:FUNCTION RETURN f.name AS f ORDER BY f"
    answer = run("query", shop_once, text, "-p", "name=add", "--keep", keep, "--json")
    assert json.loads(answer.stdout)["rows"] == [["run"], ["total"]]
    stats = json.loads(run("stats", shop_once, "--keep", keep, "--json").stdout)
    assert stats["nodes"]["CLASS"] == 8
    picture = tmp_path / "price.svg"
    run("show", shop_once, "Price", "-o", picture, "--keep", keep)
    drawn = xml.dom.minidom.parse(str(picture))
    titles = [node.firstChild.data for node in drawn.getElementsByTagName("text")]
    assert {"shop.money.Price", "Price", "add", "Price.value"} <= set(titles)
    page = tmp_path / "price.html"
    run("show", shop_once, "Price", "-o", page, "--keep", keep, "--edge", "calls")
    html = page.read_text()
    assert "<svg" in html
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "/nowhere"], "can't index '/nowhere': it does not exist"),
        (["query", ".", "CREATE (n:CLASS)"], "the graph is read-only"),
        (["query", ".", "MATCH (n:CLAS) RETURN n"], "did you mean CLASS"),
        (["query", ".", "RETURN 1 AS x", "-p", "oops"], "is not name=value"),
        (["show", ".", "x", "-o", "x.bmp"], "must end in .svg or .html"),
        (["show", ".", "x", "--edge", "SINGS"], "unknown type of edge 'SINGS'"),
        (["stats", ".", "--graph-store", "oracle"], "unknown graph store 'oracle'"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(arguments: list[str], message: str) -> None:
    done = run(*arguments, status=2)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
