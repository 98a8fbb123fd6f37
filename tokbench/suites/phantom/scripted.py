"""Responders whose edits are known: they prove the grader, and never enter a leaderboard.

All emit ids; where nothing else is said those are the tokenizer's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokbench.bytelevel import Lattice
from tokbench.errors import OptionError
from tokbench.models.completion import Completion, FinishReason, Prompt
from tokbench.suites.hashing import H
from tokbench.suites.phantom._pieces import SPACE
from tokbench.suites.phantom.item import Item
from tokbench.suites.phantom.items import VERSION
from tokbench.suites.phantom.lexicon import common_words
from tokbench.suites.phantom.replies import split_words
from tokbench.suites.phantom.sides import without_prefix
from tokbench.suites.phantom.slices import Tokens, canonical_tokens, window_start

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["DAMAGE", "NAMES", "Responder", "responders"]

Responder = Callable[[Prompt], Completion]

NAMES = (
    "copier", "canonical-copier", "space-dropper", "space-splitter", "newliner", "resampler", "replacer",
    "case-flipper", "deleter", "truncator", "doubler", "refuser", "damager",
)  # fmt: skip
"""Names of all responders."""

DAMAGE = 2
"""Unmarked words that ``damager`` edits."""


def _item(prompt: Prompt) -> Item:
    if not isinstance(prompt.item, Item):
        raise OptionError("model", "scripted", f"prompts with items of phantom, not {type(prompt.item).__name__}")
    return prompt.item


def _said(tokenizer: Tokenizer, text: str, finish: FinishReason = "stop") -> Completion:
    return Completion(text=text, ids=tuple(tokenizer.encode(text)), finish_reason=finish)


def _number(name: str, item: Item) -> int:
    return H(VERSION, "scripted", name, item.item_id.rpartition("/")[0])


# ---------------------------------------------------------------------- ids that are not those of the tokenizer


def _usual(tokenizer: Tokenizer, id_: int) -> int:
    """Of ids with the same bytes the first that is no byte fallback: a lattice counts them once."""
    same = tokenizer.byte_vocabulary().lookup(tokenizer.token_bytes(id_))
    return next((other for other in sorted(same) if tokenizer.kind(other) == "normal"), id_)


def _spelled(tokenizer: Tokenizer, data: bytes) -> tuple[int, ...]:
    """Ids of the shortest tokens that spell some bytes."""
    if not data:
        return ()
    return tuple(_usual(tokenizer, id_) for id_ in Lattice(tokenizer.byte_vocabulary(), data).chars())


def _bare(tokenizer: Tokenizer, pieces: Sequence[bytes], word: str) -> tuple[int, ...]:
    """Ids of a word without white space, cut as it is behind it if its first token has a bare twin."""
    vocabulary = tokenizer.byte_vocabulary()
    wanted = [piece for piece in (pieces[0].lstrip(SPACE), *pieces[1:]) if piece] if pieces else []
    while wanted and not wanted[0].strip(SPACE):
        wanted = wanted[1:]
    same = [vocabulary.lookup(piece) for piece in wanted]
    if wanted and all(same):
        return tuple(_usual(tokenizer, ids[0]) for ids in same)
    return tuple(_usual(tokenizer, id_) for id_ in Lattice(vocabulary, word.encode()).fewest())


def _with(tokenizer: Tokenizer, tokens: Tokens, start: int, end: int, ids: tuple[int, ...]) -> tuple[int, ...]:
    """The ids of a text with others for the bytes ``start`` to ``end``; a token that reaches beyond is spelled anew."""
    inside = tokens.between(start, end)
    if not inside:
        return tokens.ids
    first, last = inside[0], inside[-1] + 1
    left = _spelled(tokenizer, tokens.data[tokens.cuts[first] : start])
    right = _spelled(tokenizer, tokens.data[end : tokens.cuts[last]])
    return (*tokens.ids[:first], *left, *ids, *right, *tokens.ids[last:])


def _windows(item: Item, data: bytes) -> Iterator[tuple[int, int]]:
    """Windows of the targets in the passage as it was sent, last first."""
    for target in reversed(item.targets):
        at = item.in_prompt(target.start) - item.passage
        yield window_start(data, at), at + target.end - target.start


def copier(tokenizer: Tokenizer, prompt: Prompt) -> Completion:
    """The very ids that went in, marks and all."""
    item = _item(prompt)
    tokens = canonical_tokens(tokenizer, item.prompt)
    end = item.passage + len(item.marked.encode())
    places = tokens.between(item.passage, end)
    ids = tokens.ids[places[0] : places[-1] + 1]
    if tokens.cuts[places[0]] != item.passage or tokens.cuts[places[-1] + 1] != end:
        # the first token holds a line break of the frame: what is left of it is spelled anew
        inner = [at for at in places if tokens.cuts[at] >= item.passage and tokens.cuts[at + 1] <= end]
        left = _spelled(tokenizer, tokens.data[item.passage : tokens.cuts[inner[0]]])
        right = _spelled(tokenizer, tokens.data[tokens.cuts[inner[-1] + 1] : end])
        ids = (*left, *tokens.ids[inner[0] : inner[-1] + 1], *right)
    return Completion(text=item.marked, ids=ids, finish_reason="stop")


def resampler(tokenizer: Tokenizer, prompt: Prompt) -> Completion:
    """The passage as it was sent, each target cut in a uniformly drawn way."""
    item = _item(prompt)
    found = copier(tokenizer, prompt)
    assert found.ids is not None, "it emits ids"
    tokens = _tokens(tokenizer, found.ids, item.marked.encode())
    ids = found.ids
    for start, end in _windows(item, tokens.data):
        lattice = Lattice(tokenizer.byte_vocabulary(), tokens.data[start:end])
        drawn = tuple(_usual(tokenizer, id_) for id_ in lattice.uniform(_number("resampler", item), start))
        ids = _with(tokenizer, tokens, start, end, drawn)
        tokens = _tokens(tokenizer, ids, tokens.data)
    return Completion(text=item.marked, ids=ids, finish_reason="stop")


def _tokens(tokenizer: Tokenizer, ids: tuple[int, ...], data: bytes) -> Tokens:
    cuts = tuple(accumulate((len(tokenizer.token_bytes(id_)) for id_ in ids), initial=0))
    spelled = Tokens(ids, cuts, data)
    shift = cuts[-1] - len(data)  # an inserted space is no part of the text
    return without_prefix(spelled, shift) if shift else spelled


def _respaced(space: bytes, tokenizer: Tokenizer, prompt: Prompt) -> Completion:
    """The unmarked passage, with other white space before each target, which is otherwise cut as it was sent."""
    item = _item(prompt)
    tokens, sent = canonical_tokens(tokenizer, item.text), canonical_tokens(tokenizer, item.prompt)
    ids, data = tokens.ids, tokens.data
    for target in reversed(item.targets):
        start = window_start(data, target.start)
        place = item.in_prompt(target.start)
        pieces = sent.slice(window_start(sent.data, place, item.passage), place + target.end - target.start).pieces
        bare, blank = _bare(tokenizer, pieces, target.word), _spelled(tokenizer, space)
        ids = _with(tokenizer, _tokens(tokenizer, ids, data), start, target.end, (*blank, *bare))
        data = data[:start] + space + data[target.start :]
    return Completion(text=data.decode(), ids=ids, finish_reason="stop")


# ---------------------------------------------------------------------- other texts


def _edited(change: Callable[[Item, str], str], tokenizer: Tokenizer, prompt: Prompt) -> Completion:
    """The unmarked passage with another text for each target."""
    item = _item(prompt)
    data = item.text.encode()
    for target in reversed(item.targets):
        said = change(item, target.word).encode()
        start = target.start if said else window_start(data, target.start)
        data = data[:start] + said + data[target.end :]
    return _said(tokenizer, data.decode())


def _another(item: Item, word: str) -> str:
    """A word of the lexicon that is not in the passage."""
    words, number = common_words(), _number("replacer", item)
    inside = {part.text.casefold() for part in split_words(item.text)}
    found = next(
        candidate for step in range(len(words)) if (candidate := words[(number + step) % len(words)]) not in inside
    )
    return found.capitalize() if word[:1].isupper() else found


def truncator(tokenizer: Tokenizer, prompt: Prompt) -> Completion:
    """Stops before the first target; the white space before it is not written."""
    item = _item(prompt)
    data = item.text.encode()
    return _said(tokenizer, data[: window_start(data, item.targets[0].start)].decode(), "length")


def damager(tokenizer: Tokenizer, prompt: Prompt) -> Completion:
    """Copies the unmarked passage and edits :data:`DAMAGE` words that are not marked, those farthest from a target."""
    item = _item(prompt)
    data = item.text.encode()
    spans = [
        (len(item.text[: word.start].encode()), len(item.text[: word.end].encode())) for word in split_words(item.text)
    ]
    targets = [(target.start, target.end) for target in item.targets]
    free = [span for span in spans if not any(span[0] < end and span[1] > start for start, end in targets)]
    free.sort(key=lambda span: (-min(max(start - span[1], span[0] - end) for start, end in targets), span))
    for at, (start, end) in enumerate(sorted(free[:DAMAGE], reverse=True)):
        data = data[:start] + b"zq" * (at + 1) + data[end:]
    return _said(tokenizer, data.decode())


def _copied(tokenizer: Tokenizer, prompt: Prompt) -> Completion:
    return _said(tokenizer, _item(prompt).text)


def _doubled(tokenizer: Tokenizer, prompt: Prompt) -> Completion:
    text = _item(prompt).text
    return _said(tokenizer, f"{text}\n{text}")


def _refused(tokenizer: Tokenizer, _prompt: Prompt) -> Completion:
    return _said(tokenizer, "Sorry, that is beyond me.")


def responders(tokenizer: Tokenizer) -> Mapping[str, Responder]:
    """All responders over a tokenizer, by name."""
    found: dict[str, Callable[[Tokenizer, Prompt], Completion]] = {
        "copier": copier,
        "canonical-copier": _copied,
        "space-dropper": partial(_respaced, b""),
        "space-splitter": partial(_respaced, b" "),
        "newliner": partial(_respaced, b"\n"),
        "resampler": resampler,
        "replacer": partial(_edited, _another),
        "case-flipper": partial(_edited, lambda _item, word: word.swapcase()),
        "deleter": partial(_edited, lambda _item, _word: ""),
        "truncator": truncator,
        "doubler": _doubled,
        "refuser": _refused,
        "damager": damager,
    }
    assert tuple(found) == NAMES, "every responder is listed"
    return MappingProxyType({name: partial(responder, tokenizer) for name, responder in found.items()})
