"""Sequences of ids as one tree, so that a model computes a beginning that they share once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tokbench.bytelevel.protocol import Handle, InCall, NextTokenModel, Parent

__all__ = ["Prefix", "compute", "plant"]

_BLOCK = 256
"""Positions of one call of a model: the rows of one call are in memory together."""


class Prefix:
    """A sequence of ids: one more token behind another.

    Attributes:
        parent: The sequence without its last token; None for the empty one.
        token: The last token; -1 for the empty one.
        kids: The sequences with one more token, by that token.
        handle: What the model calls it, or None while it is not computed.
    """

    __slots__ = ("handle", "kids", "parent", "token")

    def __init__(self, parent: Prefix | None, token: int) -> None:
        self.parent = parent
        self.token = token
        self.kids: dict[int, Prefix] = {}
        self.handle: Handle = None


def plant(root: Prefix, ids: Iterable[int]) -> list[Prefix]:
    """The sequences on the way from ``root`` along ``ids``, one for each id; new ones are added to the tree."""
    found = []
    for token in ids:
        kid = root.kids.get(token)
        if kid is None:
            kid = root.kids[token] = Prefix(root, token)
        found.append(kid)
        root = kid
    return found


def compute(
    model: NextTokenModel,
    wanted: Sequence[Prefix],
    visit: Callable[[Prefix, NDArray[np.floating]], None],
) -> list[Handle]:
    """Compute sequences, and what stands in front of them.

    Args:
        model: The model.
        wanted: The sequences.
        visit: Called once with each computed sequence and its row of natural-log probabilities, shape ``(width,)``,
            which is valid during the call only.

    Returns:
        Handles of all computed positions; the caller releases them.

    Raises:
        StartContextError: If the empty sequence is wanted and the model says nothing of a first token.
    """
    held: list[Handle] = []
    try:
        order: dict[int, Prefix] = {}
        for prefix in wanted:
            if prefix.parent is None:
                if prefix.handle is None:
                    prefix.handle, row = model.initial()
                    held.append(prefix.handle)
                    visit(prefix, row)
                continue
            way = []
            at: Prefix | None = prefix
            while at is not None and at.parent is not None and at.handle is None and id(at) not in order:
                way.append(at)
                at = at.parent
            order.update((id(one), one) for one in reversed(way))
        nodes = list(order.values())
        for start in range(0, len(nodes), _BLOCK):
            block = nodes[start : start + _BLOCK]
            places = {id(node): place for place, node in enumerate(block)}
            handles, rows = model.extend([_parent(node, places) for node in block], [node.token for node in block])
            held.extend(handles)
            for node, handle, row in zip(block, handles, rows, strict=True):
                node.handle = handle
                visit(node, row)
    except BaseException:
        model.release(held)
        raise
    return held


def _parent(node: Prefix, places: dict[int, int]) -> Parent:
    above = node.parent
    assert above is not None, "the empty sequence is not computed here"
    place = places.get(id(above))
    return InCall(place) if place is not None else above.handle
