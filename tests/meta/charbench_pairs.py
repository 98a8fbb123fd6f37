"""What pairs of the suite ``charbench`` must be like, written without its code, and copies of that code with bugs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from charbench_items import core_item

from tokbench.bytelevel import Lattice
from tokbench.models.completion import CompletionModel, Prompt
from tokbench.models.completions import load_completion_model
from tokbench.suites.charbench import _pair_ids
from tokbench.suites.charbench._pair_ids import Covers, id_prompts
from tokbench.suites.charbench._spans import Cut, Place
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.prompts import Rendered, render
from tokbench.suites.charbench.scripted import responders
from tokbench.suites.charbench.tasks.pairs import COVERS
from tokbench.tokenizers import Tokenizer

LETTERS = "aabcdeeghiklmnoprrsstuvwxyz"


def scripted(name: str = "oracle") -> CompletionModel:
    """A model that takes everything."""
    return load_completion_model(f"scripted:{name}", responders=responders())


def cover_item(word: str, cover: str, base: str = "count_unique", char: str = "", place: int = 0) -> Item:
    """An item of ``pair_ids``."""
    item = core_item(base, word, char, place)
    variant = f"{base}.{cover}"
    return replace(
        item, task="pair_ids", variant=variant, gold_profile="balanced",
        item_id=f"charbench-1/balanced/pair_ids/{variant}/L{item.length}/{place}",
    )  # fmt: skip


def asked(tokenizer: Tokenizer, word: str, model: CompletionModel | None = None) -> dict[str, Prompt | str]:
    """The prompts of a word by cover, or why there is none."""
    items = [cover_item(word, cover) for cover in COVERS]
    found = [render(item) for item in items]
    given = [
        Prompt(text=rendered.text, key=item.item_id, item=item) for item, rendered in zip(items, found, strict=True)
    ]
    return dict(zip(COVERS, id_prompts(model or scripted(), tokenizer, items, found, given), strict=True))


# ---------------------------------------------------------------------- what must hold


def check_ids(tokenizer: Tokenizer, rendered: Rendered, ids: Sequence[int]) -> None:
    """The ids spell the prompt, those of the word spell the word, and all others are the tokenizer's own."""
    own, spans = tokenizer.encode(rendered.text), tokenizer.spans(rendered.text)
    assert tokenizer.join_bytes(ids) == tokenizer.join_bytes(own)
    before = [token for token, (_, end) in zip(own, spans, strict=True) if end <= rendered.word_start]
    after = [token for token, (start, _) in zip(own, spans, strict=True) if start >= rendered.word_end]
    assert list(ids[: len(before)]) == before
    assert list(ids[len(ids) - len(after) :]) == after
    middle = ids[len(before) : len(ids) - len(after)]
    assert (
        b"".join(map(tokenizer.token_bytes, middle)) == rendered.text.encode()[rendered.word_start : rendered.word_end]
    )


def check_covers(tokenizer: Tokenizer, word: str) -> int:
    """All covers of a word in its prompt are what their names say; returns how many were asked."""
    rendered = render(cover_item(word, "canonical"))
    prompts = {name: prompt for name, prompt in asked(tokenizer, word).items() if isinstance(prompt, Prompt)}
    sizes: dict[str, int] = {}
    for name, prompt in prompts.items():
        assert prompt.ids is not None
        check_ids(tokenizer, rendered, prompt.ids)
        sizes[name] = len(prompt.ids)
    if prompts:
        assert prompts["canonical"].ids == tuple(tokenizer.encode(rendered.text))
        assert sizes["fewest"] == min(sizes.values())
        assert sizes["chars"] == max(sizes.values())
        own = _marks(tokenizer, prompts["canonical"])
        for name, prompt in prompts.items():
            assert (prompt.ids == prompts["canonical"].ids) == (_marks(tokenizer, prompt) == own), name
        assert "drop" not in prompts or prompts["drop"].ids != prompts["canonical"].ids
    return len(prompts)


def _marks(tokenizer: Tokenizer, prompt: Prompt) -> list[int]:
    """Lengths of the tokens of a prompt."""
    return [len(tokenizer.token_bytes(token)) for token in prompt.ids or ()]


def cut_of(tokenizer: Tokenizer, text: str, word: str) -> list[int]:
    """Boundaries inside a word, which stands once in a text, from the spans of the whole text."""
    start = len(text[: text.index(word)].encode())
    size = len(word.encode())
    return [begin - start for begin, _ in tokenizer.spans(text) if start < begin < start + size]


# ---------------------------------------------------------------------- planted bugs


class LastTokenLost(Covers):
    """A cover without its last token."""

    def _covers(self, word: str, own: Cut) -> Mapping[str, tuple[int, ...] | None]:
        found = super()._covers(word, own)
        return {name: ids[:-1] if name != "canonical" and ids else ids for name, ids in found.items()}


class OfTheWordAlone(Covers):
    """Covers of the word as a text of its own: with the space that some tokenizers insert."""

    def _covers(self, word: str, own: Cut) -> Mapping[str, tuple[int, ...] | None]:
        lattice = Lattice.of(self._tokenizer, word)
        found = (own.ids, lattice.chars(), lattice.fewest(), lattice.drop(0, 0))
        return dict(zip(COVERS, found, strict=True))


class OverTheEdge(Covers):
    """Does not look whether a token reaches over the edge of the word."""

    def cut(self, item: Item, own: Cut) -> Cut | str:
        spans: tuple[Place, ...] = ((0, len(item.word.encode())),)
        return super().cut(item, own._replace(spans=spans))


class FewestIsChars(Covers):
    """Two names exchanged."""

    def _covers(self, word: str, own: Cut) -> Mapping[str, tuple[int, ...] | None]:
        found = super()._covers(word, own)
        return {**found, "fewest": found["chars"], "chars": found["fewest"]}


class DropKeepsTheOwn(Covers):
    """Draws among all segmentations, the tokenizer's own among them."""

    def _covers(self, word: str, own: Cut) -> Mapping[str, tuple[int, ...] | None]:
        return {**super()._covers(word, own), "drop": own.ids}


COVER_MUTANTS: tuple[type[Covers], ...] = (
    LastTokenLost, OfTheWordAlone, OverTheEdge, FewestIsChars, DropKeepsTheOwn,
)  # fmt: skip
"""Copies of :class:`Covers`, each with a bug; put in the place of ``_pair_ids.Covers``."""

COVERS_AT = (_pair_ids, "Covers")


def unclipped(spans: Sequence[Place], size: int) -> frozenset[int]:
    """Boundaries that are not clipped to the word: a token in front of which a space stands begins elsewhere."""
    return frozenset(begin for begin, _ in spans if begin)
