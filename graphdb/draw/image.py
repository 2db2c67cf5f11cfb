"""A neighbourhood as one SVG image."""

from __future__ import annotations

import math
from html import escape

from graphdb.draw.layout import PORT_GAP, Box, Layout, layout, ports, subtitle, title
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
    Edge,
)

_FILLS = {
    FILE: "#ececec", MODULE: "#d9dfec", CLASS: "#f8dd9f", FUNCTION: "#b9e0d2", METHOD: "#c8e3f6",
    FIELD: "#eedcf2", GLOBAL_VARIABLE: "#f7d0c2", EXTERNAL: "#ffffff",
}  # fmt: skip
_STROKES = {
    CALLS: "#1f6f5c", USES: "#8a6d9e", INHERITS: "#c0561a", OVERRIDES: "#b8860b",
    IMPORTS: "#3f5fa8", CONTAINS: "#8c8c8c", HAS_METHOD: "#5b9bc9", HAS_FIELD: "#c277b0",
}  # fmt: skip
_DASHED = {USES: "5 4", OVERRIDES: "2 3", IMPORTS: "9 4"}
_MARGIN = 28
_KEY_WIDTH = 132


def svg(found: Neighbourhood) -> str:
    """The neighbourhood as one SVG image."""
    plan = layout(found)
    boxes = list(plan.boxes.values())
    labels = sorted({node.label for node in found.nodes})
    kinds = sorted({edge.type for edge in found.edges})
    left = min(box.x - box.width / 2 for box in boxes) - _MARGIN
    right = max(box.x + box.width / 2 for box in boxes) + _MARGIN
    for edge in found.edges:  # a curve reaches three quarters of the way to its control points
        source, target = plan.boxes[edge.source], plan.boxes[edge.target]
        if source.column == target.column and edge.source != edge.target:
            reach = source.x + source.width / 2 + 0.75 * _bulge(source.y, target.y)
            right = max(right, reach + _MARGIN)
    heading = 11.0 * len(found.centre.qualified_name) + 250
    needed = max(heading, _KEY_WIDTH * max(len(labels), len(kinds))) + 2 * _MARGIN
    spare = max(0.0, needed - (right - left)) / 2
    left, right = left - spare, right + spare
    top = min(box.y - box.height / 2 for box in boxes) - 96
    bottom = max(box.y + box.height / 2 for box in boxes) + 84
    width, height = right - left, bottom - top
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0f} {top:.0f} {width:.0f} '
        f'{height:.0f}" width="{width:.0f}" height="{height:.0f}" '
        'font-family="Helvetica, Arial, sans-serif">',
        f"<title>{escape(found.centre.qualified_name)}</title>",
        _markers(kinds),
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}" '
        'fill="#fdfcfa"/>',
        _text(left + _MARGIN, top + 36, found.centre.qualified_name, 18, "#2b2b2b", bold=True),
        _text(right - _MARGIN, top + 36, _told(found), 12, "#7a6a55", anchor="end"),
    ]
    parts += [_line(found, plan, edge) for edge in found.edges]
    parts += [_box(box, box.node.id == found.centre.id) for box in boxes]
    for head in plan.heads:
        parts.append(_text(head.x, head.y, head.text, 11.5, _STROKES[head.kind], bold=True))
    parts.append(_keys(kinds, labels, left + _MARGIN, bottom - 46))
    parts.append("</svg>")
    return "\n".join(part for part in parts if part)


def _told(found: Neighbourhood) -> str:
    if found.truncated:
        return f"the nearest {len(found.nodes)} nodes; there are more"
    return f"{len(found.nodes)} nodes, {len(found.edges)} edges"


def _text(
    x: float, y: float, text: str, size: float, colour: str, bold: bool = False, anchor: str = ""
) -> str:
    style = ' font-weight="bold"' if bold else ""
    style += f' text-anchor="{anchor}"' if anchor else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}"{style}>'
        f"{escape(text)}</text>"
    )


def _markers(kinds: list[str]) -> str:
    found = "".join(
        f'<marker id="to-{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" '
        'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        f'<path d="M0 1L9 5L0 9z" fill="{_STROKES[kind]}"/></marker>'
        for kind in kinds
    )
    return f"<defs>{found}</defs>"


def _port(found: Neighbourhood, box: Box, kind: str, outward: bool) -> float:
    """Height at which the edges of one kind leave or reach a box."""
    kinds = ports(found, box.node.id, outward)
    return box.y + (kinds.index(kind) - (len(kinds) - 1) / 2) * PORT_GAP


def _bulge(start: float, end: float) -> float:
    """How far an edge within one column swings out."""
    return 46 + 0.12 * abs(end - start)


def _line(found: Neighbourhood, plan: Layout, edge: Edge) -> str:
    kind = edge.type
    if edge.source == edge.target:
        return ""
    source, target = plan.boxes[edge.source], plan.boxes[edge.target]
    start, end = _port(found, source, kind, True), _port(found, target, kind, False)
    if source.column == target.column:  # around the right side
        x0, x3 = source.x + source.width / 2, target.x + target.width / 2 + 2
        bulge = _bulge(start, end)
        x1, x2 = x0 + bulge, x3 + bulge
    else:
        side = 1 if source.column < target.column else -1
        x0 = source.x + side * source.width / 2
        x3 = target.x - side * (target.width / 2 + 2)
        reach = side * max(60.0, abs(x3 - x0) * 0.5)
        x1, x2 = x0 + reach, x3 - reach
    dash = f' stroke-dasharray="{_DASHED[kind]}"' if kind in _DASHED else ""
    thick = 1.4 + min(1.6, 0.4 * math.log2(max(1, edge.times)))
    times = f" × {edge.times}" if edge.times > 1 else ""
    told = f"{title(source.node)} {kind.lower().replace('_', ' ')} {title(target.node)}{times}"
    return (
        f'<path class="edge" data-from="{escape(edge.source)}" data-to="{escape(edge.target)}" '
        f'd="M{x0:.1f} {start:.1f}C{x1:.1f} {start:.1f} {x2:.1f} {end:.1f} {x3:.1f} {end:.1f}" '
        f'fill="none" stroke="{_STROKES[kind]}" stroke-width="{thick:.1f}" opacity="0.85"{dash} '
        f'marker-end="url(#to-{kind})"><title>{escape(told)}</title></path>'
    )


def _box(box: Box, centre: bool) -> str:
    node = box.node
    border = ("#2b2b2b", 2.4) if centre else ("#a39b8b", 1)
    place = f"{node.file_path}:{node.line}" if node.file_path else "outside of the repository"
    told = escape(f"{node.signature or node.qualified_name}\n{place}")
    return (
        f'<g class="node" data-id="{escape(node.id)}"><title>{told}</title>'
        f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - box.height / 2:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="7" fill="{_FILLS[node.label]}" '
        f'stroke="{border[0]}" stroke-width="{border[1]}"/>'
        + _text(box.x, box.y - 1.5, title(node), 13, "#222", bold=centre, anchor="middle")
        + _text(box.x, box.y + 12, subtitle(node), 9.5, "#5c574d", anchor="middle")
        + "</g>"
    )


def _keys(kinds: list[str], labels: list[str], x: float, y: float) -> str:
    """What the lines and the colours of boxes mean."""
    parts = []
    for place, kind in enumerate(kinds):
        at = x + place * _KEY_WIDTH
        dash = f' stroke-dasharray="{_DASHED[kind]}"' if kind in _DASHED else ""
        parts.append(
            f'<path d="M{at:.0f} {y - 4:.0f}h30" stroke="{_STROKES[kind]}" stroke-width="2"{dash} '
            f'marker-end="url(#to-{kind})"/>'
        )
        parts.append(_text(at + 38, y, kind.lower().replace("_", " "), 11.5, "#5c574d"))
    for place, label in enumerate(labels):
        at = x + place * _KEY_WIDTH
        parts.append(
            f'<rect x="{at:.0f}" y="{y + 14:.0f}" width="30" height="13" rx="4" '
            f'fill="{_FILLS[label]}" stroke="#a39b8b"/>'
        )
        parts.append(_text(at + 38, y + 25, label.lower().replace("_", " "), 11.5, "#5c574d"))
    return "".join(parts)
