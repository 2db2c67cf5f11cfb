"""C3 linearisation (Barrett et al., OOPSLA 1996), as Python orders base classes."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def c3(own: T, orders: list[list[T]], bases: list[T]) -> list[T]:
    """Method resolution order of a class.

    Args:
        own: The class.
        orders: Resolution order of each base, in the order of bases.
        bases: The bases.

    Returns:
        The order, `own` first. Where the hierarchy admits none (Python would refuse the class),
        a depth-first order without repeats.
    """
    if len(orders) == 1:
        return [own, *(item for item in orders[0] if item != own)]
    pending = [list(order) for order in (*orders, bases)]
    result = [own]
    while any(pending):
        pending = [order for order in pending if order]
        for order in pending:
            head = order[0]
            if not any(head in other[1:] for other in pending):
                break
        else:
            return list(dict.fromkeys([own, *(item for order in orders for item in order)]))
        if head != own:
            result.append(head)
        for order in pending:
            if order[0] == head:
                del order[0]
    return result
