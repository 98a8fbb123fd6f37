"""What the tokenizer did to the word of every item: how many tokens, and where the asked character lies in them.

Three contexts: ``bare``, the word alone (as in the paper, for comparison with its numbers); ``in_prompt``, the word
inside the text of the question; ``chat``, inside the rendered chat, special tokens and all. Only the latter two are
what a model reads: a tokenizer that sees more than words cuts many of them in another way there.

>>> from tokbench.suites.charbench.items import build_items
>>> items = build_items("smoke", "natural", ("find_first",))
>>> features(items, "bytes", "bare")["n_tokens"].to_list() == [item.length for item in items]
True
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from tokbench.errors import ItemError, OptionError, UnsupportedError
from tokbench.suites.charbench._pair_ids import PAIR_IDS, Covers
from tokbench.suites.charbench._spans import Cut, Place, cuts, in_chat, why_not
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.prompts import Rendered, render, rendering_of
from tokbench.suites.charbench.words import WordList, units_of
from tokbench.tokenizers import Tokenizer, load_tokenizer

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Context", "Cut", "Features", "features", "of_cut", "why_not", "word_spans"]

Context = Literal["bare", "in_prompt", "chat"]
"""Where the word stands when it is tokenized."""

_HIDDEN = "the prompt does not show the word"
_EMPTY = "the word is empty"


class Features(NamedTuple):
    """How one word is cut. Characters are the item's units, all counts start at 0.

    Attributes:
        n_tokens: Tokens that share at least one byte with the word.
        n_tokens_raw: These and the tokens that hold nothing but an inserted space, as the paper counts them.
        cr_chars: Characters of the word a token.
        cr_bytes: Bytes of the word a token.
        spans: Bytes of the tokens, counted from the first byte of the word; what reaches outside is not cut off.
        ttl_chars: Characters of the word that share a byte with the target, which is the token that holds the first
            byte of the gold character.
        ttl_bytes: Bytes of the target inside the word.
        ttl_full_bytes: All its bytes in the text.
        target_token_index: Its place among the tokens of the word.
        dist_left: Characters of ``ttl_chars`` in front of the gold one.
        dist_right: Those behind it.
        at_boundary: Whether the gold character is the first or the last of them.
        straddles_word_edge: Whether a token of the word reaches outside it.
        char_split: Whether the bytes of the gold character lie in more than one token.
        n_target_tokens: Tokens that hold (the first byte of) a copy of the queried character.
        same_token_repeats: Copies that lie in one token with another, the first of each token not counted; with
            ``n_target_tokens`` they sum to the number of copies.
        single_token: Whether the word lies in one token.
        token_id_rank: Id of the target over the size of the vocabulary.

    What speaks of a target is None where the item has no gold index, what speaks of copies where it queries no
    character.
    """

    n_tokens: int
    n_tokens_raw: int
    cr_chars: float
    cr_bytes: float
    spans: tuple[Place, ...]
    ttl_chars: int | None
    ttl_bytes: int | None
    ttl_full_bytes: int | None
    target_token_index: int | None
    dist_left: int | None
    dist_right: int | None
    at_boundary: bool | None
    straddles_word_edge: bool
    char_split: bool | None
    n_target_tokens: int | None
    same_token_repeats: int | None
    single_token: bool
    token_id_rank: float | None


_NOTHING: tuple[None, ...] = (None,) * len(Features._fields)


def of_cut(item: Item, cut: Cut, vocabulary: int) -> Features:
    """The features of an item from the tokens of its word.

    Args:
        item: The item.
        cut: How its word is cut.
        vocabulary: Size of the vocabulary.

    Raises:
        ItemError: If the gold index is no place in the word.
    """
    units = units_of(item.word, item.unit)
    edges: Sequence[int] = (
        range(len(units) + 1) if item.word.isascii() and len(units) == len(item.word) else _edges(units)
    )
    size, spans, count = edges[-1], cut.spans, len(cut.spans)
    ends = [end for _, end in spans]
    ttl = within = full = index = left = right = None
    at_boundary: bool | None = None
    split: bool | None = None
    rank: float | None = None
    gold = item.gold_index
    if gold is not None:
        if not 0 <= gold < len(units):
            raise ItemError(item.item_id, f"its gold index is {gold}, and {item.word!a} has {len(units)} characters")
        index = bisect_right(ends, edges[gold])
        begin, end = spans[index]
        low, high = max(begin, 0), min(end, size)
        first, behind = bisect_right(edges, low) - 1, bisect_left(edges, high)
        ttl, within, full = behind - first, high - low, end - begin
        left, right = gold - first, behind - 1 - gold
        at_boundary, split = left == 0 or right == 0, end < edges[gold + 1]
        rank = cut.ids[index] / vocabulary
    holding: int | None = None
    repeats: int | None = None
    char = item.query_char
    if char is not None and (len(char) == 1 or len(units_of(char, item.unit)) == 1):
        copies = [bisect_right(ends, edges[place]) for place, unit in enumerate(units) if unit == char]
        holding = len(set(copies))
        repeats = len(copies) - holding
    return Features(
        count, count + cut.lone, len(units) / count, size / count, spans,
        ttl, within, full, index, left, right, at_boundary, spans[0][0] < 0 or ends[-1] > size, split,
        holding, repeats, count == 1, rank,
    )  # fmt: skip


def _edges(units: Sequence[str]) -> list[int]:
    """Where each character begins in the bytes of the word, and where the last ends."""
    edges = [0]
    for unit in units:
        edges.append(edges[-1] + len(unit.encode("utf-8", "surrogatepass")))
    return edges


# ---------------------------------------------------------------------- contexts


def _text(
    item: Item, context: Context, prompt_id: str, rendering: str | None, render_chat: Callable[[Rendered], str] | None
) -> tuple[str, Place] | str:
    """The text of a context with the place of the word in it, or why there is none."""
    if context == "bare":
        return (item.word, (0, len(item.word.encode("utf-8", "surrogatepass")))) if item.word else _EMPTY
    rendered = render(item, prompt_id, rendering)
    if rendered.word_start == rendered.word_end:
        return _HIDDEN
    if context == "in_prompt":
        return rendered.text, (rendered.word_start, rendered.word_end)
    assert render_chat is not None, "checked by the caller"
    return in_chat(rendered, render_chat)


def _check(context: str, render_chat: object) -> None:
    if context not in get_args(Context):
        raise OptionError("context", context, f"one of {', '.join(get_args(Context))}")
    if context == "chat" and render_chat is None:
        raise OptionError("context", context, "render_chat as well, a function from a rendered question to a chat")


def word_spans(
    items: Sequence[Item],
    tokenizer: Tokenizer,
    context: Context = "in_prompt",
    *,
    prompt_id: str = "plain",
    rendering: str | None = None,
    render_chat: Callable[[Rendered], str] | None = None,
    require: bool = False,
) -> Iterator[Cut | str]:
    """How the word of each item is cut, in order.

    Args:
        items: The items.
        tokenizer: The tokenizer.
        context: Where the words stand.
        prompt_id: Wording of the questions.
        rendering: How the word is written in them, see :func:`~.prompts.render`.
        render_chat: For ``chat``: the text of the whole chat, its special tokens as text.
        require: Whether a tokenizer without exact spans is an error.

    Yields:
        The tokens of the word, or a sentence that says why they are not known.

    Raises:
        OptionError: If the context does not exist, or is ``chat`` and there is no ``render_chat``.
        UnsupportedError: Under ``require``, if the tokenizer has no byte spans.
        ItemError: Under ``require``, if the tokenizer changes the text of an item.
    """
    _check(context, render_chat)
    if require and (reason := why_not(tokenizer)):
        raise UnsupportedError("byte spans", tokenizer.info.spec, reason)
    texts = [_text(item, context, prompt_id, rendering, render_chat) for item in items]
    shown = list(dict.fromkeys(text for text in texts if not isinstance(text, str)))  # a bare word comes up repeatedly
    found = dict(zip(shown, cuts(tokenizer, shown, specials=context == "chat"), strict=True))
    covers = Covers(tokenizer)
    for item, text in zip(items, texts, strict=True):
        cut = text if isinstance(text, str) else found[text]
        if require and isinstance(cut, str) and not isinstance(text, str):
            raise ItemError(item.item_id, f"no features: {cut}")
        if context != "bare" and item.task == PAIR_IDS and not isinstance(cut, str):
            cut = covers.cut(item, cut)  # what the model reads there is not what the tokenizer made
        yield cut


# ---------------------------------------------------------------------- the frame


def features(
    items: Sequence[Item],
    tokenizer: Tokenizer | str,
    context: Context = "in_prompt",
    *,
    prompt_id: str = "plain",
    rendering: str | None = None,
    render_chat: Callable[[Rendered], str] | None = None,
    words: WordList | None = None,
    require: bool = False,
) -> pl.DataFrame:
    """Features of items as a frame.

    Args:
        items: The items.
        tokenizer: The tokenizer, or its spec.
        context: As for :func:`word_spans`, like the arguments that are not named here.
        prompt_id: See there.
        rendering: See there.
        render_chat: See there.
        words: Word list that knows how frequent the words are; without it ``zipf`` is null.
        require: Whether a tokenizer without exact spans is an error.

    Returns:
        One row an item, in order: ``item_id``, ``prompt_id``, ``rendering``, ``tokenizer`` (its spec), ``context``;
        the fields of :class:`Features`, all null where the cut of the word is not known; ``zipf``; and ``reason``,
        which says why they are null and is null itself where they are not.

    Raises:
        OptionError: See :func:`word_spans`.
        UnsupportedError: See there.
        ItemError: See there; and if a gold index is no place in its word.
    """
    import polars as pl

    known = load_tokenizer(tokenizer) if isinstance(tokenizer, str) else tokenizer
    size = known.info.n_vocab
    found = word_spans(
        items, known, context, prompt_id=prompt_id, rendering=rendering, render_chat=render_chat, require=require
    )
    rows: list[Sequence[object]] = []
    places: list[Sequence[Place]] = []
    reasons: list[str | None] = []
    for item, cut in zip(items, found, strict=True):
        if isinstance(cut, str):
            rows.append(_NOTHING)
            places.append(())
            reasons.append(cut)
        else:
            rows.append(of_cut(item, cut, size))
            places.append(cut.spans)
            reasons.append(None)
    types = _types()
    columns = dict(zip(Features._fields, zip(*rows, strict=True), strict=True)) if rows else {}
    return pl.DataFrame(
        [
            pl.Series("item_id", [item.item_id for item in items], pl.String),
            pl.Series("rendering", [rendering_of(item, rendering) for item in items], pl.String),
            *(_lists(places) if name == "spans" else pl.Series(name, columns.get(name, ()), types[name])
              for name in Features._fields),
            pl.Series("zipf", [None if words is None else words.zipf(item.word) for item in items], pl.Float64),
            pl.Series("reason", reasons, pl.String),
        ]
    ).select(
        "item_id", pl.lit(prompt_id).alias("prompt_id"), "rendering",
        pl.lit(known.info.spec).alias("tokenizer"), pl.lit(context).alias("context"),
        pl.exclude("item_id", "rendering"),
    )  # fmt: skip


def _types() -> dict[str, pl.DataType]:
    import polars as pl

    real = {"cr_chars", "cr_bytes", "token_id_rank"}
    flags = {"at_boundary", "straddles_word_edge", "char_split", "single_token"}
    return {
        name: pl.Float64() if name in real else pl.Boolean() if name in flags else pl.Int64()
        for name in Features._fields
    }


def _lists(places: Sequence[Sequence[Place]]) -> pl.Series:
    """Lists of pairs as a column, null for an empty one; polars itself would look at every pair on its own."""
    import polars as pl

    flat = pl.DataFrame(
        [
            pl.Series("row", [row for row, spans in enumerate(places) for _ in spans], pl.UInt32),
            pl.Series("begin", [begin for spans in places for begin, _ in spans], pl.Int64),
            pl.Series("end", [end for spans in places for _, end in spans], pl.Int64),
        ]
    )
    pairs = flat.select("row", pl.concat_list("begin", "end").alias("spans")).group_by("row").agg("spans")
    every = pl.DataFrame(pl.Series("row", range(len(places)), pl.UInt32))
    return every.join(pairs, on="row", how="left", maintain_order="left")["spans"]
