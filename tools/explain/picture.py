"""The graph of a plan as SVG: a box for each operation, in its device's colour, and what moves between devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from hal.types import PreferenceCode
from tools.explain.explanation import HOST, Graph, Node, Plan, bytes_told, reasons, shape_told, time_told
from tools.explain.layout import Point, Sizes, layered

_COLOURS = ("#5b7083", "#d9822b", "#7a5bb5", "#1f9d78", "#c2487d", "#3b7dd8", "#8a8f2a", "#a35b3d")
NOBODY = "#9aa5b1"
"""The colour of what no device does."""

_MARGIN = 12
_SIZES = Sizes()


def colours(devices: Sequence[str]) -> Mapping[str, str]:
    """A colour for each device, always the same for the same list."""
    return {device: _COLOURS[number % len(_COLOURS)] for number, device in enumerate(devices)}


def picture(devices: Sequence[str], graph: Graph, plan: Plan, preference: PreferenceCode, prefix: str) -> str:
    """The SVG element; each operation's box leads to the element with the id ``prefix`` and its number."""
    nodes = graph.nodes
    count = len(graph.inputs) + len(nodes)
    first = len(graph.inputs)
    producers = {tensor: position for position, tensor in enumerate(graph.inputs)}
    producers.update((tensor, first + node.number) for node in nodes for tensor in node.writes)
    tensors: dict[tuple[int, int], list[int]] = {}
    for node in nodes:
        for tensor in dict.fromkeys(node.reads):
            if tensor in producers:
                tensors.setdefault((producers[tensor], first + node.number), []).append(tensor)
    for position, tensor in enumerate(graph.outputs):
        tensors.setdefault((producers[tensor], count + position), []).append(tensor)
    drawing = layered(count + len(graph.outputs), list(tensors), _SIZES)
    places = [*(HOST for _ in graph.inputs), *plan.placement, *(HOST for _ in graph.outputs)]
    moved = {move.tensor for move in plan.moves}
    palette = colours(devices)
    parts = []
    for (pair, carried), points in zip(tensors.items(), drawing.lines):
        crosses = bool(moved.intersection(carried)) and places[pair[0]] != places[pair[1]]
        parts.append(_line(points, crosses, _moved_bytes(plan, carried) if crosses else ""))
    for position in range(len(graph.inputs)):
        parts.append(_terminal(drawing.boxes[position], f"input {position}"))
    for node in nodes:
        device = plan.placement[node.number] if plan.placement else None
        colour = palette.get(device or "", NOBODY)
        said = reasons(devices, plan, node.number, preference)
        parts.append(_box(node, drawing.boxes[first + node.number], colour, said, prefix))
    for position in range(len(graph.outputs)):
        parts.append(_terminal(drawing.boxes[count + position], f"output {position}"))
    width, height = drawing.width + 2 * _MARGIN, drawing.height + 2 * _MARGIN
    return (
        f'<svg class="graph" xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-_MARGIN} {-_MARGIN} {width:.0f} {height:.0f}">{"".join(parts)}</svg>'
    )


def bar(devices: Sequence[str], plan: Plan) -> str:
    """The steps of a plan, one after the other, as wide as they are long, as an SVG element."""
    total = sum(step.seconds or 0.0 for step in plan.steps)
    if not total:
        return ""
    palette = colours(devices)
    parts, left = [], 0.0
    for number, step in enumerate(plan.steps):
        width = (step.seconds or 0.0) / total * 1000
        title = f"step {number} on {step.device}: {len(step.operations)} operations, {time_told(step.seconds)}"
        parts.append(
            f'<rect x="{left:.2f}" y="0" width="{width:.2f}" height="22" fill="{palette.get(step.device, NOBODY)}" '
            f'stroke="white" stroke-width="1"><title>{escape(title)}</title></rect>'
        )
        left += width
    return f'<svg class="bar" viewBox="0 0 1000 22" preserveAspectRatio="none">{"".join(parts)}</svg>'


def _box(node: Node, centre: Point, colour: str, said: Mapping[str, str], prefix: str) -> str:
    x, y = centre[0] - _SIZES.width / 2, centre[1] - _SIZES.height / 2
    title = "\n".join([f"{node.number} {node.type}", *(f"{device}: {reason}" for device, reason in said.items())])
    return (
        f'<a href="#{prefix}{node.number}"><title>{escape(title)}</title>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{_SIZES.width}" height="{_SIZES.height}" rx="5" fill="{colour}"/>'
        f'<text x="{centre[0]:.1f}" y="{centre[1] - 3:.1f}">{node.number} {escape(_short(node.type))}</text>'
        f'<text class="small" x="{centre[0]:.1f}" y="{centre[1] + 11:.1f}">{escape(shape_told(node.shape))}</text></a>'
    )


def _terminal(centre: Point, name: str) -> str:
    return (
        f'<rect class="terminal" x="{centre[0] - 40:.1f}" y="{centre[1] - 12:.1f}" width="80" height="24" rx="12"/>'
        f'<text class="terminal" x="{centre[0]:.1f}" y="{centre[1] + 4:.1f}">{name}</text>'
    )


def _line(points: Sequence[Point], crosses: bool, label: str) -> str:
    half = _SIZES.height / 2
    (x, y), path = (points[0][0], points[0][1] + half), []
    path.append(f"M{x:.1f} {y:.1f}")
    for position, (to_x, to_y) in enumerate(points[1:], 2):
        is_last = position == len(points)
        entry = to_y - half
        bend = (y + entry) / 2
        path.append(f"C{x:.1f} {bend:.1f} {to_x:.1f} {bend:.1f} {to_x:.1f} {entry:.1f}")
        if not is_last:
            path.append(f"V{to_y + half:.1f}")
        x, y = to_x, to_y + half
    line = f'<path class="{"crossing" if crosses else "line"}" d="{"".join(path)}"/>'
    if label:
        last = points[-1]
        line += f'<text class="move" x="{last[0]:.1f}" y="{last[1] - half - 9:.1f}">{escape(label)}</text>'
    return line


def _moved_bytes(plan: Plan, tensors: Sequence[int]) -> str:
    sizes = {move.tensor: move.bytes for move in plan.moves if move.tensor in tensors}
    return bytes_told(sum(sizes.values()))


def _short(name: str) -> str:
    return name if len(name) <= 21 else f"{name[:20]}…"
