"""A neighbourhood as an HTML page of its own: the image, and a table of what it shows."""

from __future__ import annotations

from html import escape

from graphdb.draw.image import svg
from graphdb.queries import Neighbourhood

_STYLE = """
body { font: 15px/1.4 Helvetica, Arial, sans-serif; margin: 2em auto; max-width: 1500px;
  padding: 0 1em; color: #2b2b2b; background: #fdfcfa }
svg { display: block; margin: 0 auto; max-width: 100%; height: auto; border: 1px solid #e5e0d8;
  border-radius: 8px }
.node { cursor: pointer } .edge, .node { transition: opacity .12s }
svg.choosing .edge, svg.choosing .node { opacity: .13 }
svg.choosing .on { opacity: 1 }
table { border-collapse: collapse; margin-top: 1.5em; width: 100% }
td, th { text-align: left; padding: .3em .7em; border-bottom: 1px solid #e5e0d8;
  vertical-align: top }
th { font-size: 13px; color: #777 } code { font-size: 13px } tr.on { background: #f6ecd6 }
"""

# Pointing at a box, or at its row in the table, leaves only what it is joined to.
_SCRIPT = """
const image = document.querySelector('svg'), all = s => [...document.querySelectorAll(s)];
function choose(id) {
  image.classList.toggle('choosing', !!id);
  const near = new Set([id]);
  for (const edge of all('.edge')) {
    const on = edge.dataset.from === id || edge.dataset.to === id;
    edge.classList.toggle('on', on);
    if (on) { near.add(edge.dataset.from); near.add(edge.dataset.to); }
  }
  for (const node of all('.node')) node.classList.toggle('on', near.has(node.dataset.id));
  for (const row of all('tr[data-id]')) row.classList.toggle('on', row.dataset.id === id);
}
for (const item of all('.node, tr[data-id]')) {
  item.addEventListener('mouseenter', () => choose(item.dataset.id));
  item.addEventListener('mouseleave', () => choose(''));
}
"""


def page(found: Neighbourhood) -> str:
    """The neighbourhood as one HTML page that loads nothing else."""
    rows = "".join(
        f"<tr data-id='{escape(node.id)}'><td>{node.label.lower().replace('_', ' ')}</td>"
        f"<td><code>{escape(node.qualified_name)}</code></td>"
        f"<td>{escape(node.file_path)}{f':{node.line}' if node.line else ''}</td>"
        f"<td><code>{escape(node.signature)}</code></td></tr>"
        for node in found.nodes
    )
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f"<title>{escape(found.centre.qualified_name)}</title><style>{_STYLE}</style></head><body>"
        f"{svg(found)}<table><tr><th>kind</th><th>name</th><th>place</th><th>signature</th></tr>"
        f"{rows}</table><script>{_SCRIPT}</script></body></html>\n"
    )
