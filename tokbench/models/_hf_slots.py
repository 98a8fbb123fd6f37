"""Which slots of a growing cache belong to which position, and what each may see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Slots"]


class _Slot:
    """One position in the cache.

    Attributes:
        at: Number of the slot.
        parent: The position in front of it.
        token: Its token id.
        depth: Number of positions in front of it.
        sees: Slots that it attends to, itself included; bool, up to its own slot.
        named: Whether its handle was not released yet.
        kids: Positions behind it that are still there.
    """

    __slots__ = ("at", "depth", "kids", "named", "parent", "sees", "token")

    def __init__(self, at: int, parent: _Slot | None, token: int, depth: int, sees: NDArray[np.bool_]) -> None:
        self.at = at
        self.parent = parent
        self.token = token
        self.depth = depth
        self.sees = sees
        self.named = True
        self.kids = 0


class Slots:
    """The slots of one cache. A position stays until it is released and nothing stands behind it any more.

    Attributes:
        size: Number of slots, dead ones included.
        dead: Number of dead ones.
    """

    def __init__(self) -> None:
        self.size = 0
        self.dead = 0
        self._by_handle: dict[int, _Slot] = {}
        self._live: dict[int, _Slot] = {}

    def plan(self, parents: Sequence[int | None], above: Sequence[int | None]) -> tuple[NDArray[np.bool_], list[int]]:
        """What new positions may see, and how deep they are.

        Args:
            parents: Handle of the position in front of each, or None.
            above: Number of an earlier new position in front of each instead, or None.

        Returns:
            Booleans of shape ``(n, size + n)``, and the number of positions in front of each.

        Raises:
            KeyError: If a handle was released, or never given.
        """
        count = len(parents)
        sees = np.zeros((count, self.size + count), np.bool_)
        depths: list[int] = []
        for index, (parent, inside) in enumerate(zip(parents, above, strict=True)):
            depth = 0
            if inside is not None:
                sees[index] = sees[inside]
                depth = depths[inside] + 1
            elif parent is not None:
                slot = self._by_handle[parent]
                sees[index, : slot.at + 1] = slot.sees
                depth = slot.depth + 1
            sees[index, self.size + index] = True
            depths.append(depth)
        return sees, depths

    def add(
        self,
        handles: Sequence[int],
        parents: Sequence[int | None],
        above: Sequence[int | None],
        tokens: Sequence[int],
        sees: NDArray[np.bool_],
        depths: Sequence[int],
    ) -> None:
        """Give new positions the next slots."""
        for index, handle in enumerate(handles):
            inside, parent = above[index], parents[index]
            before = (
                self._by_handle[handles[inside]] if inside is not None
                else self._by_handle[parent] if parent is not None
                else None
            )  # fmt: skip
            at = self.size + index
            slot = _Slot(at, before, int(tokens[index]), depths[index], sees[index, : at + 1].copy())
            if before is not None:
                before.kids += 1
            self._by_handle[handle] = self._live[at] = slot
        self.size += len(handles)

    def release(self, handle: int) -> None:
        """Forget a handle.

        Raises:
            KeyError: If it was released before, or never given.
        """
        slot: _Slot | None = self._by_handle.pop(handle)
        assert slot is not None
        slot.named = False
        while slot is not None and not slot.named and not slot.kids:
            del self._live[slot.at]
            self.dead += 1
            slot = slot.parent
            if slot is not None:
                slot.kids -= 1

    def tokens_of(self, handle: int) -> tuple[int, ...]:
        """Token ids up to a position."""
        found: list[int] = []
        slot: _Slot | None = self._by_handle[handle]
        while slot is not None:
            found.append(slot.token)
            slot = slot.parent
        return tuple(reversed(found))

    def compact(self) -> NDArray[np.int64]:
        """Number the live slots anew, in order; their old numbers, shape ``(live,)``."""
        kept = np.array(sorted(self._live), np.int64)
        live: dict[int, _Slot] = {}
        for at, old in enumerate(kept.tolist()):
            slot = self._live[old]
            slot.sees = slot.sees[kept[: at + 1]]
            slot.at = at
            live[at] = slot
        self._live, self.size, self.dead = live, len(kept), 0
        return kept

    def table(self) -> tuple[list[int], NDArray[np.bool_], list[int]]:
        """Tokens, what each sees (square), and depths of all slots; only behind :meth:`compact`."""
        slots = [self._live[at] for at in range(self.size)]
        sees = np.zeros((self.size, self.size), np.bool_)
        for slot in slots:
            sees[slot.at, : slot.at + 1] = slot.sees
        return [slot.token for slot in slots], sees, [slot.depth for slot in slots]
