"""What became of the ids of a vocabulary: added, removed, renumbered, or standing for something else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tokbench.tokenizers.description import TEXT_KINDS
from tokbench.tokenizers.protocol import Tokenizer

__all__ = ["Entry", "IdChange", "VocabularyChange", "compare_vocabularies", "entries"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What an id stands for.

    Attributes:
        kind: Its kind.
        data: Its bytes, or None where it stands for none.
        name: The string by which an id without bytes is known.
    """

    kind: str
    data: bytes | None
    name: str = ""

    @property
    def identity(self) -> tuple[bytes | None, str]:
        """What makes two entries the same token: the bytes, or the name of what has none."""
        return self.data, self.name if self.data is None else ""


@dataclass(frozen=True, slots=True)
class IdChange:
    """An id, or a token that moved from one id to another.

    Attributes:
        kind: ``added``, ``removed``, ``renumbered``, or ``retyped`` (the same token of another kind).
        first_id: Its id in the first tokenizer, or None.
        second_id: Its id in the second, or None.
        first: What it is in the first, or None.
        second: What it is in the second, or None.
    """

    kind: Literal["added", "removed", "renumbered", "retyped"]
    first_id: int | None
    second_id: int | None
    first: Entry | None
    second: Entry | None


@dataclass(frozen=True, slots=True)
class VocabularyChange:
    """Two vocabularies.

    Attributes:
        first_ids: Ids of the first.
        second_ids: Ids of the second.
        kept: Ids that stand for the same in both.
        reused: Ids that both have and that stand for something else: text that was encoded by one is garbage to a
            model of the other.
        changes: What became of the tokens, by the lowest id.
    """

    first_ids: int
    second_ids: int
    kept: int
    reused: int
    changes: tuple[IdChange, ...]

    def count(self, kind: str) -> int:
        """Number of changes of one kind."""
        return sum(change.kind == kind for change in self.changes)

    @property
    def equal(self) -> bool:
        """Whether every id stands for the same."""
        return not self.changes


def entries(tokenizer: Tokenizer) -> dict[int, Entry]:
    """What each existing id stands for."""
    undecodable = tokenizer.undecodable()
    names = {token_id: name for name, token_id in tokenizer.special_tokens().items()}
    found = {}
    for token_id in tokenizer.ids():
        kind = tokenizer.kind(token_id)
        if token_id not in undecodable and kind in TEXT_KINDS:
            found[token_id] = Entry(kind, tokenizer.token_bytes(token_id))
        else:
            found[token_id] = Entry(kind, None, names.get(token_id, undecodable.get(token_id, "")))
    return found


def _places(table: dict[int, Entry], ids: Iterable[int]) -> dict[tuple[bytes | None, str], list[int]]:
    places: dict[tuple[bytes | None, str], list[int]] = {}
    for token_id in ids:
        places.setdefault(table[token_id].identity, []).append(token_id)
    return places


def compare_vocabularies(first: Tokenizer, second: Tokenizer) -> VocabularyChange:
    """Compare two vocabularies token by token.

    A token is its bytes; an id without bytes is its name. A token that both have under other ids is renumbered, and
    where several ids stand for one token, those that both have are kept and the rest are matched in order.
    """
    mine, theirs = entries(first), entries(second)
    shared = mine.keys() & theirs.keys()
    kept = {token_id for token_id in shared if mine[token_id].identity == theirs[token_id].identity}
    changes = [
        IdChange("retyped", token_id, token_id, mine[token_id], theirs[token_id])
        for token_id in sorted(kept) if mine[token_id].kind != theirs[token_id].kind
    ]  # fmt: skip
    left = _places(mine, (token_id for token_id in mine if token_id not in kept))
    right = _places(theirs, (token_id for token_id in theirs if token_id not in kept))
    for identity in {**left, **right}:
        here, there = left.get(identity, []), right.get(identity, [])
        moved = min(len(here), len(there))
        for one, other in zip(here[:moved], there[:moved], strict=True):
            changes.append(IdChange("renumbered", one, other, mine[one], theirs[other]))
        changes += [IdChange("removed", one, None, mine[one], None) for one in here[moved:]]
        changes += [IdChange("added", None, other, None, theirs[other]) for other in there[moved:]]
    changes.sort(
        key=lambda change: (
            min(token_id for token_id in (change.first_id, change.second_id) if token_id is not None),
            change.kind,
        )
    )
    return VocabularyChange(len(mine), len(theirs), len(kept), len(shared) - len(kept), tuple(changes))
