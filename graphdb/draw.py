"""Draws a neighbourhood as SVG, alone or in a page that needs nothing else.

The layout is force-directed (Fruchterman and Reingold, 1991) from a fixed start, so the same graph
gives the same picture, with the centre held in the middle and labels kept apart.
"""

from __future__ import annotations

import math
from html import escape
from typing import NamedTuple

from graphdb.queries import Neighbourhood
from graphdb.schema import (
    CALLS,
    CLASS,
    CONTAINS,
    EXTERNAL,
    FIELD,
    FILE,
    FUNCTION,
    GLOBAL_VARIABLE,
    HAS_FIELD,
    HAS_METHOD,
    IMPORTS,
    INHERITS,
    METHOD,
    MODULE,
    OVERRIDES,
    USES,
    Node,
)

_FILLS = {
    FILE: "#e2e2e2", MODULE: "#d5ddea", CLASS: "#f6d58e", FUNCTION: "#a9d6c5", METHOD: "#b9dcf2",
    FIELD: "#ead7ee", GLOBAL_VARIABLE: "#f3c4b4", EXTERNAL: "#ffffff",
}  # fmt: skip
_STROKES = {
    CALLS: "#1f6f5c", USES: "#9a8c98", INHERITS: "#c0641a", OVERRIDES: "#c99a2e",
    IMPORTS: "#4a67a8", CONTAINS: "#c8c8c8", HAS_METHOD: "#c8c8c8", HAS_FIELD: "#c8c8c8",
}  # fmt: skip
_DASHED = {USES: "5 4", OVERRIDES: "2 3", IMPORTS: "8 3"}
_HEIGHT = 34
_GAP = 14


class _Box(NamedTuple):
    node: Node
    width: float


def svg(found: Neighbourhood) -> str:
    """The neighbourhood as one SVG image."""
    boxes = [_Box(node, _width(node)) for node in found.nodes]
    places = _layout(boxes, found)
    left = min(x - box.width / 2 for box, (x, _) in zip(boxes, places, strict=True)) - 24
    right = max(x + box.width / 2 for box, (x, _) in zip(boxes, places, strict=True)) + 24
    top = min(y for _, y in places) - _HEIGHT - 56
    bottom = max(y for _, y in places) + _HEIGHT + 44
    legend_width = 24 + 110 * max(5, len({edge.type for edge in found.edges}))
    right = max(right, left + legend_width)
    at = {box.node.id: place for box, place in zip(boxes, places, strict=True)}
    wide = {box.node.id: box.width for box in boxes}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0f} {top:.0f} '
        f'{right - left:.0f} {bottom - top:.0f}" width="{right - left:.0f}" '
        f'height="{bottom - top:.0f}" font-family="Helvetica, Arial, sans-serif">',
        f"<title>{escape(found.centre.qualified_name)}</title>",
        _markers(),
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{right - left:.0f}" '
        f'height="{bottom - top:.0f}" fill="#fdfcfa"/>',
        f'<text x="{left + 24:.0f}" y="{top + 30:.0f}" font-size="17" font-weight="bold" '
        f'fill="#2b2b2b">{escape(found.centre.qualified_name)}</text>',
    ]
    for edge in found.edges:
        if edge.source != edge.target:
            parts.append(_line(edge.type, edge.count, at, wide, edge.source, edge.target))
    for box, place in zip(boxes, places, strict=True):
        parts.append(_box(box, place, box.node.id == found.centre.id))
    parts.append(_legend(found, left + 24, bottom - 18))
    if found.truncated:
        parts.append(
            f'<text x="{right - 24:.0f}" y="{top + 30:.0f}" font-size="12" text-anchor="end" '
            f'fill="#8a3b12">only the {len(found.nodes)} nearest are shown</text>'
        )
    parts.append("</svg>")
    return "\n".join(parts)


def page(found: Neighbourhood) -> str:
    """The neighbourhood as an HTML page of its own: the image, and a table of what it shows."""
    rows = "".join(
        f"<tr><td>{escape(node.label)}</td><td><code>{escape(node.qualified_name)}</code></td>"
        f"<td>{escape(node.file_path)}{f':{node.line}' if node.line else ''}</td>"
        f"<td><code>{escape(node.signature)}</code></td></tr>"
        for node in found.nodes
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<title>{escape(found.centre.qualified_name)}</title><style>"
        "body{font:15px/1.4 Helvetica,Arial,sans-serif;margin:2em;color:#2b2b2b;background:#fdfcfa}"
        "svg{max-width:100%;height:auto;border:1px solid #e5e0d8;border-radius:8px}"
        "table{border-collapse:collapse;margin-top:1.5em;width:100%}"
        "td,th{text-align:left;padding:.3em .7em;border-bottom:1px solid #e5e0d8;"
        "vertical-align:top}th{font-size:13px;color:#777}code{font-size:13px}"
        "</style></head><body>"
        f"{svg(found)}<table><tr><th>kind</th><th>name</th><th>place</th><th>signature</th></tr>"
        f"{rows}</table></body></html>\n"
    )


def _width(node: Node) -> float:
    return max(74.0, 7.6 * len(_title(node)), 5.6 * len(_subtitle(node))) + 22


def _title(node: Node) -> str:
    name = f"{node.cls}.{node.name}" if node.cls else node.name
    return name if len(name) <= 34 else name[:33] + "…"


def _subtitle(node: Node) -> str:
    place = node.file_path or "outside"
    place = place if len(place) <= 40 else "…" + place[-39:]
    return f"{node.label.lower().replace('_', ' ')} · {place}"


def _layout(boxes: list[_Box], found: Neighbourhood) -> list[tuple[float, float]]:
    count = len(boxes)
    index = {box.node.id: place for place, box in enumerate(boxes)}
    pairs = sorted(
        {(index[e.source], index[e.target]) for e in found.edges if e.source != e.target}
    )
    ideal = 150.0 + 6.0 * math.sqrt(count)
    golden = math.pi * (3 - math.sqrt(5))
    x = [0.9 * ideal * math.sqrt(i) * math.cos(golden * i) * 1.6 for i in range(count)]
    y = [0.9 * ideal * math.sqrt(i) * math.sin(golden * i) * 0.8 for i in range(count)]
    rounds = 260
    for turn in range(rounds):
        heat = ideal * 0.35 * (1 - turn / rounds) + 1
        fx, fy = [0.0] * count, [0.0] * count
        for i in range(count):
            for j in range(i):
                dx, dy = x[i] - x[j], (y[i] - y[j]) * 1.9  # boxes are wider than high
                gap = math.hypot(dx, dy) or 0.1
                push = ideal * ideal / (gap * gap)
                fx[i] += dx * push
                fy[i] += dy * push
                fx[j] -= dx * push
                fy[j] -= dy * push
        for i, j in pairs:
            dx, dy = x[i] - x[j], y[i] - y[j]
            pull = math.hypot(dx, dy) / ideal
            fx[i] -= dx * pull
            fy[i] -= dy * pull
            fx[j] += dx * pull
            fy[j] += dy * pull
        for i in range(1, count):  # the centre stays
            size = math.hypot(fx[i], fy[i]) or 1
            step = min(size, heat) / size
            x[i] += fx[i] * step
            y[i] += fy[i] * step
    _part(boxes, x, y)
    return list(zip(x, y, strict=True))


def _part(boxes: list[_Box], x: list[float], y: list[float]) -> None:
    """Move boxes that overlap apart, the shorter way."""
    for _ in range(200):
        moved = False
        for i in range(len(boxes)):
            for j in range(i):
                over_x = (boxes[i].width + boxes[j].width) / 2 + _GAP - abs(x[i] - x[j])
                over_y = _HEIGHT + _GAP - abs(y[i] - y[j])
                if over_x <= 0 or over_y <= 0:
                    continue
                moved = True
                held = j == 0  # the centre stays, the other moves the whole way
                share = 1.0 if held else 0.5
                if over_y * 1.5 < over_x:
                    shift = over_y if y[i] >= y[j] else -over_y
                    y[i] += shift * share
                    y[j] -= shift * (1 - share)
                else:
                    shift = over_x if x[i] >= x[j] else -over_x
                    x[i] += shift * share
                    x[j] -= shift * (1 - share)
        if not moved:
            return


def _markers() -> str:
    found = "".join(
        f'<marker id="to-{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
        f'markerHeight="7" orient="auto-start-reverse"><path d="M0 1L9 5L0 9z" '
        f'fill="{colour}"/></marker>'
        for kind, colour in _STROKES.items()
    )
    return f"<defs>{found}</defs>"


def _edge_of_box(
    centre: tuple[float, float], width: float, towards: tuple[float, float]
) -> tuple[float, float]:
    dx, dy = towards[0] - centre[0], towards[1] - centre[1]
    if not dx and not dy:
        return centre
    scale = min(
        (width / 2 + 2) / abs(dx) if dx else math.inf,
        (_HEIGHT / 2 + 2) / abs(dy) if dy else math.inf,
    )
    return centre[0] + dx * scale, centre[1] + dy * scale


def _line(
    kind: str,
    count: int,
    at: dict[str, tuple[float, float]],
    wide: dict[str, float],
    source: str,
    target: str,
) -> str:
    begin = _edge_of_box(at[source], wide[source], at[target])
    end = _edge_of_box(at[target], wide[target], at[source])
    bend = 0.06
    middle = (
        (begin[0] + end[0]) / 2 - (end[1] - begin[1]) * bend,
        (begin[1] + end[1]) / 2 + (end[0] - begin[0]) * bend,
    )
    dash = f' stroke-dasharray="{_DASHED[kind]}"' if kind in _DASHED else ""
    thick = 1.3 + min(2.0, 0.5 * math.log2(max(1, count)))
    return (
        f'<path d="M{begin[0]:.1f} {begin[1]:.1f}Q{middle[0]:.1f} {middle[1]:.1f} '
        f'{end[0]:.1f} {end[1]:.1f}" fill="none" stroke="{_STROKES[kind]}" '
        f'stroke-width="{thick:.1f}" opacity="0.85"{dash} marker-end="url(#to-{kind})">'
        f"<title>{kind}{f' × {count}' if count > 1 else ''}</title></path>"
    )


def _box(box: _Box, place: tuple[float, float], centre: bool) -> str:
    x, y = place
    node = box.node
    border = ("#2b2b2b", 2.4) if centre else ("#8d8778", 1)
    told = escape(f"{node.signature or node.qualified_name}\n{node.file_path}:{node.line}")
    return (
        f'<g><title>{told}</title><rect x="{x - box.width / 2:.1f}" y="{y - _HEIGHT / 2:.1f}" '
        f'width="{box.width:.1f}" height="{_HEIGHT}" rx="7" fill="{_FILLS[node.label]}" '
        f'stroke="{border[0]}" stroke-width="{border[1]}"/>'
        f'<text x="{x:.1f}" y="{y - 2:.1f}" font-size="13" text-anchor="middle" fill="#222"'
        f"{' font-weight=' + chr(34) + 'bold' + chr(34) if centre else ''}>"
        f"{escape(_title(node))}</text>"
        f'<text x="{x:.1f}" y="{y + 11:.1f}" font-size="9.5" text-anchor="middle" fill="#5c574d">'
        f"{escape(_subtitle(node))}</text></g>"
    )


def _legend(found: Neighbourhood, x: float, y: float) -> str:
    parts = []
    for kind in sorted({edge.type for edge in found.edges}):
        dash = f' stroke-dasharray="{_DASHED[kind]}"' if kind in _DASHED else ""
        parts.append(
            f'<path d="M{x:.0f} {y - 4:.0f}h26" stroke="{_STROKES[kind]}" stroke-width="2"{dash} '
            f'marker-end="url(#to-{kind})"/><text x="{x + 32:.0f}" y="{y:.0f}" font-size="11" '
            f'fill="#5c574d">{kind.lower().replace("_", " ")}</text>'
        )
        x += 110
    return "".join(parts)
