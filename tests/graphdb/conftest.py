"""A small Python and C repository, and the stores that hold its graph."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SHOP = {
    "shop/__init__.py": "from .models import Order\n",
    "shop/base.py": '''
"""Base classes."""
import json
from typing import Optional

REGISTRY = {}


def register(cls):
    REGISTRY[cls.__name__] = cls
    return cls


class Model:
    table = None

    def __init__(self, key: int) -> None:
        self.key = key

    def save(self):
        self.validate()
        return json.dumps(self.as_dict())

    def validate(self):
        raise NotImplementedError

    def as_dict(self):
        return {"key": self.key}

    @classmethod
    def load(cls, key):
        return cls(key)
''',
    "shop/models.py": '''
from shop.base import Model, register
from . import money
from .money import Price as Amount


class Taxed(Model):
    rate = 0.2

    def validate(self):
        return True


@register
class Order(Taxed):
    def __init__(self, key, price: Amount):
        super().__init__(key)
        self.price = price
        self.lines = [Line(self)]

    def validate(self):
        ok = super().validate()
        return ok and self.price.positive()

    def total(self):
        return money.add(self.price, self.price).rounded()

    def first(self):
        for line in self.lines:
            line.ship()


class Line(Model):
    def __init__(self, order):
        self.order = order

    def ship(self):
        def notify():
            return self.order
        return notify()
''',
    "shop/money.py": '''
CENT = 0.01


class Price:
    def __init__(self, value):
        self.value = value

    def positive(self):
        return self.value > CENT

    def rounded(self) -> "Price":
        return Price(round(self.value, 2))


def add(a: Price, b: Price) -> Price:
    return Price(a.value + b.value)
''',
    "shop/main.py": '''
from shop import Order
from shop.money import Price
import shop.money as m


def run():
    order = Order.load(1)
    order.save()
    price = m.add(Price(1), Price(2))
    return price.rounded().positive()


def unknown(thing):
    thing.save()


if __name__ == "__main__":
    run()
''',
    "native/list.h": '''
#ifndef LIST_H
#define LIST_H
#define MAX_ITEMS 16
#define SQUARE(x) ((x) * (x))
struct item { int value; struct item *next; };
typedef struct item item_t;
enum colour { RED, GREEN };
int list_push(struct item **head, int value);
static inline int list_empty(struct item *head) { return !head; }
#endif
''',
    "native/list.c": '''
#include <stdlib.h>
#include "list.h"

static int count;

static struct item *make(int value)
{
    struct item *one = malloc(sizeof(*one));
    one->value = value;
    count++;
    return one;
}

int list_push(struct item **head, int value)
{
    struct item *one = make(SQUARE(value));
    if (count > MAX_ITEMS)
        return -1;
    one->next = *head;
    *head = one;
    return 0;
}
''',
    "native/main.c": '''
#include "list.h"

static int make(int value) { return value; }
static int handler(int value) { return make(value); }
static int (*table[])(int) = { handler };

int main(void)
{
    struct item *head = 0;
    if (list_empty(head))
        list_push(&head, make(RED));
    return table[0](1);
}
''',
}  # fmt: skip


def write_files(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The repository, to be changed at will."""
    return write_files(tmp_path / "repository", SHOP)


@pytest.fixture(scope="session")
def shop_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository, not to be changed."""
    return write_files(tmp_path_factory.mktemp("shop"), SHOP)


@pytest.fixture(scope="module")  # it goes on with what a lost client asked
def bolt_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Bolt server of our own, run by the interpreter REPOGYM_TEST_BOLT_PYTHON."""
    python = os.environ.get("REPOGYM_TEST_BOLT_PYTHON", "")
    if not python:
        reason = (
            "REPOGYM_TEST_BOLT_PYTHON names no Python 3.12 that has arcadedb-embedded; "
            "docs/graph.md says how to make one"
        )
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("bolt")
    server = subprocess.Popen(
        [python, str(Path(__file__).with_name("bolt_server.py")), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=(folder / "output.txt").open("w"),
        text=True,
    )
    try:
        assert server.stdout is not None
        for line in server.stdout:  # the server logs here too, before and after its address
            if line.startswith("BOLT "):
                break
        else:
            pytest.fail(f"the Bolt server ended: {(folder / 'log').read_text()[-2000:]}")
        yield line.split()[1]
    finally:
        server.kill()
        server.wait()
