"""Prompts of ``pair_ids``: the bytes of a prompt, its word cut into other tokens than the tokenizer's.

The word's tokens are replaced, all others stay. That needs a word whose tokens end where it ends: where one reaches
over its edge the item is not asked, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise

from tokbench.errors import TokbenchError
from tokbench.models.completion import ChoiceModel, CompletionModel, Prompt
from tokbench.suites.charbench._spans import Cut, Place, framed, in_chat, inner_boundaries, why_not
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.prompts import Rendered
from tokbench.suites.charbench.ranking import VERSION, H
from tokbench.suites.charbench.tasks.pairs import COVERS, PairIds, condition_of
from tokbench.tokenizers import Tokenizer

__all__ = ["PAIR_IDS", "Covers", "id_prompts", "refusal"]

PAIR_IDS = PairIds.id
"""The task whose words are cut otherwise."""

_STRADDLES = "a token reaches over the edge of the word, so that the word cannot be cut otherwise alone"
_ALONE = "the word has no other segmentation"


class Covers:
    """Other segmentations of words, for one tokenizer.

    Args:
        tokenizer: One with byte spans.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._known: dict[tuple[str, tuple[int, ...]], Mapping[str, tuple[int, ...] | None]] = {}

    def cut(self, item: Item, own: Cut) -> Cut | str:
        """The tokens of an item of ``pair_ids``.

        Args:
            item: The item; its condition says which tokens.
            own: How the tokenizer cuts its word.

        Returns:
            The tokens, or a sentence that says why there are none.
        """
        size = own.spans[-1][1]
        if own.spans[0][0] != 0 or size != len(item.word.encode("utf-8", "surrogatepass")):
            return _STRADDLES
        ids = self.of(item.word, own)[condition_of(item.variant)[1]]
        if ids is None:
            return _ALONE
        ends = accumulate((len(self._tokenizer.token_bytes(token)) for token in ids), initial=0)
        return Cut(ids, tuple(pairwise(ends)), own.lone)

    def of(self, word: str, own: Cut) -> Mapping[str, tuple[int, ...] | None]:
        """All covers of a word by name, see :data:`~.tasks.pairs.COVERS`; None for ``drop`` where there is no other."""
        key = word, own.ids
        if key not in self._known:
            self._known[key] = self._covers(word, own)
        return self._known[key]

    def _covers(self, word: str, own: Cut) -> Mapping[str, tuple[int, ...] | None]:
        from tokbench.bytelevel import Lattice

        data = word.encode("utf-8", "surrogatepass")
        lattice = Lattice(self._tokenizer.byte_vocabulary(), data)
        others = lattice.count() - 1
        drop = None
        if others:
            # uniform but for the remainder, which is below 2^-50 for a word of ten bytes
            place = H(VERSION, "drop", word) % others
            drop = lattice[place + (place >= lattice.rank(own.ids))]
        found = (own.ids, lattice.chars(), lattice.fewest(), drop)
        return {
            name: None if ids is None else self._usual(data, ids, own) for name, ids in zip(COVERS, found, strict=True)
        }

    def _usual(self, data: bytes, ids: Sequence[int], own: Cut) -> tuple[int, ...]:
        """A cover in the ids that a model knows: of equal bytes a piece of text, not the byte that stands in for one.

        A cover with the tokenizer's own boundaries is its own, id by id.
        """
        tokenizer = self._tokenizer
        parts = [tokenizer.token_bytes(token) for token in ids]
        spans = list(pairwise(accumulate(map(len, parts), initial=0)))
        if inner_boundaries(spans, len(data)) == inner_boundaries(own.spans, len(data)):
            return own.ids
        lookup = tokenizer.byte_vocabulary().lookup
        return tuple(min(lookup(part), key=lambda token: (tokenizer.kind(token) != "normal", token)) for part in parts)


# ---------------------------------------------------------------------- prompts


def refusal(model: CompletionModel | ChoiceModel, tokenizer: Tokenizer | None) -> str:
    """Why a model cannot be asked with ids of our own; ``""`` if it can."""
    takes = frozenset(getattr(model, "takes", ()))
    if "ids" not in takes:
        return f"not run: {model.info.spec} takes no token ids, only {' and '.join(sorted(takes)) or 'text'}"
    if tokenizer is None:
        return "not run: it needs the tokenizer of the model"
    reason = why_not(tokenizer)
    return f"not run: {reason}" if reason else ""


def _text(model: object, rendered: Rendered, prompt: Prompt) -> tuple[str, Place, bool] | str:
    """What the model reads with the place of the word, and whether special tokens are parsed in it."""
    render: Callable[[Prompt], str | None] | None = getattr(model, "render", None)
    if prompt.messages is None or render is None:
        return rendered.text, (rendered.word_start, rendered.word_end), False
    try:
        found = in_chat(rendered, lambda _: render(prompt) or "")
    except TokbenchError as error:
        return str(error)
    return found if isinstance(found, str) else (*found, True)


def id_prompts(
    model: CompletionModel | ChoiceModel,
    tokenizer: Tokenizer | None,
    items: Sequence[Item],
    rendered: Sequence[Rendered],
    prompts: Sequence[Prompt],
) -> Iterator[Prompt | str]:
    """The prompts of items, those of ``pair_ids`` as token ids.

    Ids are those that the model itself makes of the prompt, a start token and the special tokens of a chat included,
    with the word's replaced.

    Args:
        model: Who is asked. What it renders of a chat and puts in front of a text is looked for at ``render`` and
            ``start_ids``; without them a prompt is its text alone.
        tokenizer: Its tokenizer.
        items: The items.
        rendered: Their prompts as text.
        prompts: Their prompts in the form that the model is given.

    Yields:
        The prompt of each item, or a sentence that says why it is not asked.
    """
    reason = refusal(model, tokenizer)
    covers = None if tokenizer is None else Covers(tokenizer)
    for item, shown, prompt in zip(items, rendered, prompts, strict=True):
        if item.task != PAIR_IDS:
            yield prompt
        elif reason or covers is None or tokenizer is None:
            yield reason
        else:
            yield _id_prompt(model, tokenizer, covers, item, shown, prompt)


def _id_prompt(
    model: object, tokenizer: Tokenizer, covers: Covers, item: Item, shown: Rendered, prompt: Prompt
) -> Prompt | str:
    text = _text(model, shown, prompt)
    if isinstance(text, str):
        return f"not asked: {text}"
    chat, place, specials = text
    frame = next(framed(tokenizer, [(chat, place)], specials=specials))
    cut = frame if isinstance(frame, str) else covers.cut(item, frame.cut)
    if isinstance(frame, str) or isinstance(cut, str):
        return f"not asked: {cut}"
    start = () if specials else tuple(getattr(model, "start_ids", ()))
    return Prompt(ids=(*start, *frame.before, *cut.ids, *frame.after), key=prompt.key, item=item)
