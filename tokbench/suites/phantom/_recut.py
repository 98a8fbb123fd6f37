"""Other ids for a prompt: the conditions of the equivalence experiment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from tokbench.bytelevel import Lattice
from tokbench.errors import ItemError, TokbenchError
from tokbench.suites.hashing import H
from tokbench.suites.phantom.item import Item
from tokbench.suites.phantom.items import VERSION
from tokbench.suites.phantom.lexicon import common_words
from tokbench.suites.phantom.replies import split_words
from tokbench.suites.phantom.sides import read_ids
from tokbench.suites.phantom.slices import Tokens, window_start
from tokbench.tokenizers import Tokenizer

__all__ = ["CONDITIONS", "SAME_BYTES", "Condition", "Read", "Variant", "read_prompt", "variants"]

Condition = Literal["canonical", "canonical-again", "two-piece", "resampled", "characters", "twin", "synonym"]
"""The ids of the prompt: the tokenizer's own; the same once more; one token of the target cut in two; drawn uniformly
from all within pre-tokens; the shortest tokens; the target's first token with or without its space; another word."""

CONDITIONS: tuple[Condition, ...] = get_args(Condition)
SAME_BYTES: tuple[Condition, ...] = CONDITIONS[:5]
"""Conditions under which the prompt has the same bytes."""

_ONE = "no other sequence of ids spells the prompt"


@dataclass(frozen=True, slots=True)
class Variant:
    """One list of ids for a prompt.

    Attributes:
        condition: Which one.
        draw: Number of the draw, 0 where nothing is drawn.
        ids: The whole prompt, None where there is none of this kind.
        changed: Cuts that it has and the canonical ids have not, and the other way round; None where the bytes differ.
        reason: Why there is none.
        within: Whether a draw is one within pre-tokens; without, the tokenizer does not say which these are, and it is
            one among all ids that spell the text. None where nothing is drawn.
    """

    condition: Condition
    draw: int = 0
    ids: tuple[int, ...] | None = None
    changed: int | None = None
    reason: str = ""
    within: bool | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """A prompt as a model reads it.

    Attributes:
        item: The item.
        head: Ids in front of the text that holds the prompt: start ids, or those of a template.
        tokens: That text, up to the next special token.
        tail: Ids behind it.
        offset: Where the prompt of the item begins in the text, in bytes; an inserted space lies before it.
    """

    item: Item
    head: tuple[int, ...]
    tokens: Tokens
    tail: tuple[int, ...]
    offset: int

    @property
    def window(self) -> tuple[int, int]:
        """Window of the first target, in bytes of the text: from the white space before it to its end."""
        target = self.item.targets[0]
        at = self.offset + self.item.in_prompt(target.start)
        start = window_start(self.tokens.data, at, self.offset + self.item.passage)
        return start, at + target.end - target.start

    def whole(self, ids: Sequence[int]) -> tuple[int, ...]:
        """The prompt with other ids for the text."""
        return (*self.head, *ids, *self.tail)


def read_prompt(item: Item, ids: Sequence[int], tokenizer: Tokenizer, *, start: int = 0) -> Read:
    """Find the text of an item among the ids of its prompt.

    Args:
        item: The item.
        ids: The ids that a model reads for it.
        tokenizer: Its tokenizer.
        start: How many of them are start ids: they are no part of the text, whatever they spell.

    Raises:
        ItemError: If an id does not exist, or they spell a text without the prompt.
    """
    # start ids may lie beyond those of the tokenizer: they are not looked up
    tokens = read_ids(tokenizer, ids[start:], what="ids of the prompt", item=item.item_id)
    said = item.prompt.strip().encode()  # a template may trim what a user says at its ends
    at = tokens.data.rfind(said)
    if at < 0:
        raise ItemError(item.item_id, "the ids of the prompt spell a text that does not hold the prompt")
    first = max((place + 1 for place in tokens.control if tokens.cuts[place] <= at), default=0)
    last = min((place for place in tokens.control if place >= first), default=len(tokens.ids))
    shift = tokens.cuts[first]
    cuts = tuple(cut - shift for cut in tokens.cuts[first : last + 1])
    text = Tokens(tokens.ids[first:last], cuts, tokens.data[shift : tokens.cuts[last]])
    trimmed = len(item.prompt[: len(item.prompt) - len(item.prompt.lstrip())].encode())
    head = (*ids[:start], *tokens.ids[:first])
    return Read(item, head, text, tokens.ids[last:], at - trimmed - shift)


# ---------------------------------------------------------------------- the conditions


def variants(read: Read, tokenizer: Tokenizer, *, draws: int = 8, seed: int = 0) -> Iterator[Variant]:
    """All conditions of a prompt, ``canonical`` first; those that it has not come with their reason.

    Args:
        read: The prompt.
        tokenizer: The tokenizer.
        draws: Number of uniform draws.
        seed: Part of every hash.
    """
    own = read.whole(read.tokens.ids)
    yield Variant("canonical", ids=own, changed=0)
    yield Variant("canonical-again", ids=own, changed=0)
    lattice, within = _lattice(read, tokenizer)
    yield _two_piece(read, tokenizer, seed)
    if lattice.count() < 2:  # noqa: PLR2004, the canonical one and another
        yield from (Variant("resampled", draw, reason=_ONE) for draw in range(draws))
    else:
        for draw in range(draws):
            drawn = _same_bytes("resampled", read, tokenizer, lattice.uniform(seed, draw), draw)
            yield replace(drawn, within=within)
    shortest = Lattice(tokenizer.byte_vocabulary(), read.tokens.data).chars()
    if shortest == read.tokens.ids:
        yield Variant("characters", reason="the prompt is cut so already")
    else:
        yield _same_bytes("characters", read, tokenizer, shortest)
    yield _twin(read, tokenizer)
    yield _synonym(read, tokenizer, seed)


def _lattice(read: Read, tokenizer: Tokenizer) -> tuple[Lattice, bool]:
    """All ways to cut the text, within pre-tokens where the tokenizer says which these are, and whether it does."""
    data = read.tokens.data
    try:
        text = data.removeprefix(tokenizer.info.prefix).decode()
        if tokenizer.preimage(text) == data and tokenizer.info.capability.pretokens:
            return Lattice.of(tokenizer, text, within="pretokens"), True
    except (UnicodeDecodeError, TokbenchError):
        pass
    return Lattice(tokenizer.byte_vocabulary(), data), False


def _same_bytes(condition: Condition, read: Read, tokenizer: Tokenizer, ids: Sequence[int], draw: int = 0) -> Variant:
    at = 0
    cuts = {0}
    for token in ids:
        at += len(tokenizer.token_bytes(token))
        cuts.add(at)
    assert at == len(read.tokens.data), "the bytes are the same"
    return Variant(condition, draw, read.whole(ids), len(cuts ^ set(read.tokens.cuts)))


def _two_piece(read: Read, tokenizer: Tokenizer, seed: int) -> Variant:
    """One token inside the target's window cut in two, token and cut by hash."""
    vocabulary, tokens = tokenizer.byte_vocabulary(), read.tokens
    start, end = read.window
    options: list[tuple[int, int, int]] = []
    for place in tokens.between(start, end):
        left, right = tokens.cuts[place], tokens.cuts[place + 1]
        if left < start or right > end:
            continue  # it reaches beyond the window
        for cut in range(left + 1, right):
            one, two = vocabulary.exact(tokens.data[left:cut]), vocabulary.exact(tokens.data[cut:right])
            if one[0] < one[1] and two[0] < two[1]:
                options.append((place, int(vocabulary.ids[one[0]]), int(vocabulary.ids[two[0]])))
    if not options:
        return Variant("two-piece", reason="no token of the target can be cut in two")
    place, first, second = options[H(VERSION, seed, "two-piece", read.item.item_id) % len(options)]
    return _same_bytes("two-piece", read, tokenizer, (*tokens.ids[:place], first, second, *tokens.ids[place + 1 :]))


def _twin(read: Read, tokenizer: Tokenizer) -> Variant:
    """The first token of the target without its space, or with one."""
    vocabulary, tokens = tokenizer.byte_vocabulary(), read.tokens
    start, end = read.window
    place = next((place for place in tokens.between(start, end) if tokens.cuts[place] >= start), None)
    if place is None:
        return Variant("twin", reason="the first token of the target reaches beyond it")
    data = tokens.data[tokens.cuts[place] : tokens.cuts[place + 1]]
    twin = data[1:] if data[:1] == b" " else b" " + data
    lo, hi = vocabulary.exact(twin) if twin else (0, 0)
    if lo == hi or not data.strip():
        return Variant("twin", reason="the first token of the target has no twin")
    return Variant("twin", ids=read.whole((*tokens.ids[:place], int(vocabulary.ids[lo]), *tokens.ids[place + 1 :])))


def _synonym(read: Read, tokenizer: Tokenizer, seed: int) -> Variant:
    """Another word of the project's list in place of the target, by hash, and the text encoded anew.

    The list knows no meanings: what counts is that the bytes are really other ones.
    """
    item, data, prefix = read.item, read.tokens.data, tokenizer.info.prefix
    words, inside = common_words(), {part.text.casefold() for part in split_words(item.text)}
    number = H(VERSION, seed, "synonym", item.item_id.rpartition("/")[0])
    word = next(word for step in range(len(words)) if (word := words[(number + step) % len(words)]) not in inside)
    given = item.targets[0].word
    word = word.capitalize() if given[:1].isupper() else word
    _, end = read.window
    start = end - len(given.encode())
    try:
        # only where the tokenizer's own ids are what the model reads can a changed text be encoded like them
        own = tuple(tokenizer.encode(data.removeprefix(prefix).decode()))
        ids = tokenizer.encode((data[:start] + word.encode() + data[end:]).removeprefix(prefix).decode())
    except (UnicodeDecodeError, TokbenchError) as error:
        return Variant("synonym", reason=f"the prompt cannot be encoded anew: {error}")
    if own != read.tokens.ids:
        return Variant("synonym", reason="the ids of the prompt are not those of its text alone")
    return Variant("synonym", ids=read.whole(ids))
