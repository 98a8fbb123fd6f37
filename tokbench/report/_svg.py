"""What vl-convert draws, made small and fit for a page: no ids, no addresses, no fonts, colours as CSS variables.

Vega writes one element with a full set of attributes for each thing it draws, in nested groups with roles and labels of
its own. Here the drawing is flattened to lines, paths and texts at absolute places, those that look alike are gathered
under one set of attributes, and everything not known is refused, so that nothing gets into a page unseen.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

_TRANSLATE = re.compile(r"translate\(([^,()]+),([^,()]+)\)")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_CIRCLE = re.compile(r"M([\d.]+),0A\1,\1,0,1,1,-\1,0A\1,\1,0,1,1,\1,0")
_STYLES = (
    "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity", "font-size", "font-weight",
    "text-anchor",
)  # fmt: skip
_DEFAULTS = frozenset({("opacity", "1"), ("text-anchor", "start"), ("font-weight", "normal")})
_FRAMES = frozenset({"background", "foreground"})  # borders of groups, which no chart here shows


@dataclass(frozen=True, slots=True)
class Owner:
    """What elements with the same key belong to.

    Attributes:
        title: What is shown where a pointer rests on them; empty for nothing.
        run: Anchor of the run that they are of; empty for none.
    """

    title: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class _Shape:
    """One element: its name, where it is, how it looks, its text, and the key that the chart gave it."""

    tag: str
    place: tuple[tuple[str, str], ...]
    style: tuple[tuple[str, str], ...]
    text: str
    key: str

    @property
    def family(self) -> tuple[bool, str]:
        """What is gathered: texts and shapes of one colour."""
        style = dict(self.style)
        return self.tag == "text", style.get("fill", "") if self.tag == "text" else style.get("stroke", "")


def compact(source: str, *, head: Mapping[str, str], owners: Mapping[str, Owner]) -> str:
    """A drawing of Vega as a small element ``svg`` for a page.

    Args:
        source: The SVG.
        head: Attributes of the element, beside its size.
        owners: For each key (the ``description`` of a mark) what its elements belong to, in the order in which they
            shall stand.

    Raises:
        ValueError: If there is anything in the drawing that is not known here.
    """
    root = ET.fromstring(source)  # noqa: S314, made by vl-convert a moment ago
    size = (root.get("width", ""), root.get("height", ""))
    shapes = list(_flat(root, 0.0, 0.0))
    attributes = {**head, "width": size[0], "height": size[1], "viewBox": f"0 0 {size[0]} {size[1]}"}
    body = "".join(_gathered(_nodes(shapes, owners)))
    return f"<svg{_written(attributes.items())}>{body}</svg>"


def _flat(element: ET.Element, x: float, y: float) -> Iterator[_Shape]:
    """The shapes in an element, those behind first."""
    tag = element.tag.rpartition("}")[2]
    classes = set(element.get("class", "").split())
    if element.get("display") == "none" or classes & _FRAMES:
        return
    if (transform := element.get("transform")) is not None:
        found = _TRANSLATE.fullmatch(transform)
        if found is None:
            raise ValueError(f"a drawing has a transform that is not known: {transform!r}")
        x, y = x + float(found[1]), y + float(found[2])
    if tag in {"svg", "g"}:
        for child in element:
            yield from _flat(child, x, y)
    elif tag == "text":
        yield from _lines(element, x, y)
    elif tag == "line":
        yield _line(element, x, y)
    elif tag == "path":
        yield _outline(element, x, y)
    else:
        raise ValueError(f"a drawing has an element that is not known: {tag!r}")


def _lines(element: ET.Element, x: float, y: float) -> Iterator[_Shape]:
    """A text, one element for each of its lines."""
    style, key = _style(element), element.get("aria-label", "")
    if element.get("stroke") is not None:  # a halo that keeps lines out of the letters, and so behind them
        style = (*style, ("stroke-linejoin", "round"), ("paint-order", "stroke"))
    spans = list(element) or [element]
    for span in spans:
        y += float(span.get("dy", "0"))
        yield _Shape("text", (("x", _digits(x)), ("y", _digits(y))), style, span.text or "", key)


def _line(element: ET.Element, x: float, y: float) -> _Shape:
    right, below = (float(element.get(name, "0")) for name in ("x2", "y2"))
    if right and below:
        raise ValueError("a drawing has a slanted line")
    end = f"V{_digits(y + below)}" if below else f"H{_digits(x + right)}"
    place = (("d", f"M{_digits(x)} {_digits(y)}{end}"),)
    return _Shape("path", place, _style(element), "", element.get("aria-label", ""))


def _outline(element: ET.Element, x: float, y: float) -> _Shape:
    """A symbol, drawn around its middle."""
    style, key = _style(element), element.get("aria-label", "")
    place: tuple[tuple[str, str], ...]
    outline = element.get("d", "")
    if (circle := _CIRCLE.fullmatch(outline)) is not None:
        place = (("cx", _digits(x)), ("cy", _digits(y)), ("r", _digits(float(circle[1]))))
        return _Shape("circle", place, style, "", key)
    rounded = _NUMBER.sub(lambda found: _digits(float(found[0])), outline)
    place = (("d", rounded), ("transform", f"translate({_digits(x)},{_digits(y)})"))
    return _Shape("path", place, style, "", key)


def _style(element: ET.Element) -> tuple[tuple[str, str], ...]:
    found = {name: value.removesuffix("px") for name in _STYLES if (value := element.get(name)) is not None}
    if "fill" not in found:
        found["fill"] = "none"
    if any("url(" in value for value in found.values()):
        raise ValueError("a drawing refers to another place for its looks")
    return tuple(pair for pair in found.items() if pair not in _DEFAULTS)


def _digits(value: float) -> str:
    """Two decimals at most."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


@dataclass(frozen=True, slots=True)
class _Node:
    """Shapes that stay together, and whom they belong to."""

    shapes: Sequence[_Shape]
    owner: Owner

    def written(self, common: frozenset[tuple[str, str]]) -> str:
        """As XML, without what is said of all already."""
        run = [("data-run", self.owner.run)] if self.owner.run else []
        title = f"<title>{html.escape(self.owner.title)}</title>" if self.owner.title else ""
        if len(self.shapes) == 1:
            return _element(self.shapes[0], common, run, title)
        inner = "".join(_element(shape, common, [], "") for shape in self.shapes)
        return f"<g{_written(run)}>{title}{inner}</g>"


def _element(
    shape: _Shape, common: frozenset[tuple[str, str]], more: Sequence[tuple[str, str]], title: str
) -> str:  # fmt: skip
    own = [pair for pair in shape.style if pair not in common]
    inner = title + html.escape(shape.text)
    opened = f"<{shape.tag}{_written([*more, *shape.place, *own])}"
    return f"{opened}>{inner}</{shape.tag}>" if inner else f"{opened}/>"


def _written(attributes: Iterable[tuple[str, str]]) -> str:
    return "".join(f' {name}="{html.escape(value)}"' for name, value in attributes)


def _nodes(shapes: Sequence[_Shape], owners: Mapping[str, Owner]) -> list[_Node]:
    """What belongs to no one first, lines of the same looks as one path; then, by family, what each owner has."""
    nodes: list[_Node] = []
    owned: dict[str, list[_Shape]] = {}
    for shape in shapes:
        if shape.key in owners:
            owned.setdefault(shape.key, []).append(shape)
            continue
        last = nodes[-1].shapes[-1] if nodes else None
        if last is not None and last.tag == shape.tag == "path" and last.style == shape.style:
            (name, first), *rest = last.place
            (_, second), *others = shape.place
            if not rest and not others:
                nodes[-1] = _Node([_Shape("path", ((name, first + second),), shape.style, "", "")], Owner())
                continue
        nodes.append(_Node([shape], Owner()))
    gathered: dict[tuple[bool, str], list[_Node]] = {}
    for key, owner in owners.items():
        if (found := owned.get(key)) is not None:
            gathered.setdefault(found[0].family, []).append(_Node(found, owner))
    return [*nodes, *(node for same in gathered.values() for node in same)]


def _gathered(nodes: Sequence[_Node]) -> Iterator[str]:
    """Neighbours of one family under the attributes that all of them share."""
    start = 0
    while start < len(nodes):
        family = nodes[start].shapes[0].family
        end = start
        while end < len(nodes) and nodes[end].shapes[0].family == family:
            end += 1
        together = [shape for node in nodes[start:end] for shape in node.shapes]
        if len(together) == 1:
            yield nodes[start].written(frozenset())
        else:
            common = _common(together)
            inner = "".join(node.written(frozenset(common)) for node in nodes[start:end])
            yield f"<g{_written(common)}>{inner}</g>"
        start = end


def _common(shapes: Sequence[_Shape]) -> list[tuple[str, str]]:
    """For each attribute that all of them have the value that most have: the others overrule it."""
    found: dict[str, Counter[str]] = {}
    for shape in shapes:
        for name, value in shape.style:
            found.setdefault(name, Counter())[value] += 1
    return [(name, values.most_common(1)[0][0]) for name, values in found.items() if values.total() == len(shapes)]
