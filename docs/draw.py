"""Draws a built network: its layers as boxes, with sizes and weights."""

import html
import textwrap

# Layers that a figure writes into the box of the layer before.
QUIET = ("BatchNormalization", "ReLU", "Activation", "Dropout", "Identity")
QUIET += ("ZeroPadding2D", "ZeroPadding3D")
WIDE, HIGH, ROW = 230, 36, 56  # pixels of a box, and from row to row


def boxes(model) -> dict:
    """What a figure shows of a built network, by node of its graph."""
    order = sorted(model._nodes_by_depth.items(), reverse=True)
    found, owner = {}, {}
    for node in (node for _, depth in order for node in depth):
        layer, parents = node.operation, map(id, node.parent_nodes)
        before = [owner[p] for p in parents if p in owner]
        if not hasattr(layer, "trainable"):  # what makes masks, no layer
            continue
        kind = type(layer).__name__
        if kind in QUIET and len(before) == 1:
            box = found[before[0]]
            if box["end"] == id(node.parent_nodes[0]):
                box["more"][kind] = None
                box["end"], owner[id(node)] = id(node), before[0]
                continue
        owner[id(node)] = key = id(node)
        found[key] = {
            **{"name": f"{layer.name}: {kind}", "more": {}, "end": key},
            "size": "x".join(str(n) for n in node.outputs[0].shape[1:]),
            "row": 1 + max((found[b]["row"] for b in before), default=-1),
            "weights": getattr(layer, "count_params", int)(),
            "inputs": before,
        }
    return found


def drawn(model, title: str) -> str:
    """A network as SVG, input at the top; blue boxes have weights."""
    found, rows = boxes(model), {}
    for key, box in found.items():
        rows.setdefault(box["row"], []).append(key)
    width = max(map(len, rows.values())) * (WIDE + 20) + 60
    height = 30 + len(rows) * ROW
    middle, lines, shapes = {}, [], []
    for keys in rows.values():
        for index, key in enumerate(keys):
            off = index - (len(keys) - 1) / 2
            middle[key] = round(width / 2 + off * (WIDE + 20))
    for key, box in found.items():
        x, y = middle[key], 30 + box["row"] * ROW
        text = f"{box['size']}, {box['weights']:,} weights"
        text = text if box["weights"] else box["size"]
        fill = "#dbe9f6" if box["weights"] else "#f3f3f3"
        shapes += [
            f'<rect x="{x - WIDE // 2}" y="{y}" width="{WIDE}" height="{HIGH}" '
            f'rx="4" fill="{fill}" stroke="#456"/>'
        ]
        texts = (box["name"], " + ".join([text, *box["more"]]))
        for down, what in zip((14, 29), texts, strict=True):
            what = html.escape(textwrap.shorten(what, 40, placeholder=" …"))
            shapes += [f'<text x="{x}" y="{y + down}">{what}</text>']
        for before in box["inputs"]:
            x0, y0 = middle[before], 30 + found[before]["row"] * ROW + HIGH
            # Round what is between.
            bow = 0 if y - y0 == ROW - HIGH else WIDE // 2 + 24
            lines += [
                f'<path d="M{x0} {y0}C{x0 + bow} {y0 + 14} {x + bow} {y - 14} '
                f'{x} {y}" fill="none" stroke="#456" marker-end="url(#a)"/>'
            ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} '
        f'{height}" width="{width}" font-family="sans-serif" font-size="10" '
        'text-anchor="middle"><defs><marker id="a" viewBox="0 0 8 8" refX="8" '
        'refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#456"/></marker></defs>'
        '<rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{width // 2}" y="18">{html.escape(title)}</text>'
        f"{''.join(lines + shapes)}</svg>\n"
    )
