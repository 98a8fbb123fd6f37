"""What a question of groups 2 to 7 must be like, written without the tasks: used by their tests and property tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from charbench_lists import word_list

from tokbench.errors import WordListError
from tokbench.suites.charbench.item import Item, Word, case_form
from tokbench.suites.charbench.ranking import H
from tokbench.suites.charbench.task import Cell, Draft, Task
from tokbench.suites.charbench.words import WordList, units_of

ENGLISH = [
    "cat", "act", "tack", "tact", "stack", "stacks", "banana", "bananas", "cabana", "anna", "deed", "seed", "seeds",
    "speed", "level", "eleven", "mississippi", "strawberry", "cinnamon", "cheese", "balloon", "book", "books",
    "booked", "bookkeeper", "moon", "noon", "onion", "union", "unions", "reunion", "tattoo", "otter", "otters",
]  # fmt: skip
ACCENTED = [
    "été", "étés", "fête", "têtes", "élève", "élèves", "Öl", "Öfen", "über", "süß", "süße", "straße", "Ärger",
    "ärgerte", "naïve", "Noël", "crème", "brûlée",
]  # fmt: skip
CLUSTERED = [
    "नमस्ते", "हिन्दी", "किताब", "किताबें", "पानी", "रानी", "कहानी", "कहानियाँ", "g\u0308a", "g\u0308ag\u0308",
    "ag\u0308a", "bag\u0308a", "bag\u0308ag\u0308", "e\u0331te\u0331", "te\u0331te\u0331", "te\u0331n", "ne\u0331t",
    "x\u0301y", "x\u0301yx\u0301", "yx\u0301yx\u0301", "zyx\u0301",
    "gag\u0308a", "gg\u0308ag", "nag\u0308ga",
]  # fmt: skip


def drawing(seed: int = 0) -> Callable[[str], int]:
    """A ``draw`` of a draft."""
    return partial(H, "test", seed)


def by_hand(
    task: Task, word: str, char: str | None = None, *, variant: str = "std", unit: str = "codepoint",
    choices: Sequence[str] = (), **args: str,
) -> Item:  # fmt: skip
    """An item with given arguments; the answer is the task's."""
    units = units_of(word, unit)
    return Item(
        item_id=f"charbench-1/balanced/{task.id}/{variant}/L{len(units)}/0", task=task.id, variant=variant,
        gold_profile="balanced", list_name="test", word=word, unit=unit, length=len(units), level=None,
        case_form=case_form(units), answer="", answer_type=task.answer_type, query_char=char,
        args=tuple(args.items()), choices=tuple(choices),
    )  # fmt: skip


def drafted(
    task: Task, word: Word, cell: Cell, candidate: str, pool: WordList, *, variant: str = "std", seed: int = 0
) -> Item | None:
    """The item that a task makes of a word for a cell; None where the selection takes the next word."""
    gold, rep = cell
    draft = Draft(word=word, variant=variant, gold=gold, rep=rep, candidate=candidate, draw=drawing(seed), pool=pool)
    try:
        fields = task.complete(draft)
    except WordListError:  # no character is absent
        return None
    if fields is None:
        return None
    return Item(
        item_id=f"charbench-1/balanced/{task.id}/{variant}/L{len(word.units)}/0", task=task.id, variant=variant,
        gold_profile="balanced", list_name=pool.name, word=fields.word or word.text, unit=pool.unit,
        length=len(word.units), level=word.level, case_form=case_form(word.units), answer=fields.answer,
        answer_type=task.answer_type, query_char=fields.query_char, query_pos=fields.query_pos, args=fields.args,
        choices=fields.choices, gold_index=fields.gold_index, index_base=fields.index_base, gold_bin=str(gold), rep=rep,
    )  # fmt: skip


def items_of(task: Task, text: str, others: Sequence[str], unit: str = "codepoint", seed: int = 0) -> Iterator[Item]:
    """All items that a task makes of a word, for every variant, cell and candidate; the list has other words, too."""
    pool = word_list(dict.fromkeys([text, *others]), unit)
    word = Word(text, units_of(text, unit))
    for variant in task.variants:
        for cell, candidates in task.cells(word, variant).items():
            assert len(set(candidates)) == len(candidates) > 0
            for candidate in candidates:
                item = drafted(task, word, cell, candidate, pool, variant=variant, seed=seed)
                if item is not None:
                    yield item


# ---------------------------------------------------------------------- what must hold


def check(task: Task, item: Item) -> None:
    """An item is well formed, has one right answer, found in two ways, and is what its cell says."""
    if item.task in CHECKS:
        CHECKS[item.task](item, units_of(item.word, item.unit))
    assert task.gold(item) == item.answer
    assert task.second_gold(item) == item.answer
    assert item.answer
    if item.query_char is not None:
        assert len(units_of(item.query_char, item.unit)) == 1
    if item.gold_index is not None:
        units = units_of(item.word, item.unit)
        assert 0 <= item.gold_index < len(units)
        assert item.query_char in {None, units[item.gold_index]}
    assert all(isinstance(value, str) for _, value in item.args)
    if item.answer_type == "choice":
        assert item.choices.count(item.answer) == 1
        assert len(set(item.choices)) == len(item.choices)
    else:
        assert not item.choices
    for answer in task.heuristics(item).values():
        assert not item.choices or answer in item.choices


def check_all(task: Task, items: Iterable[Item]) -> int:
    """Check items; returns how many there are."""
    count = 0
    for item in items:
        check(task, item)
        count += 1
    return count


def _number(item: Item, name: str) -> int:
    return int(dict(item.args)[name])


def _length(item: Item, units: tuple[str, ...]) -> None:
    assert item.answer == item.gold_bin == str(len(units))


def _nth_char(item: Item, units: tuple[str, ...]) -> None:
    place, k = int(item.gold_bin), _number(item, "k")
    assert {"base0": k, "base1": k - 1, "from_end": len(units) - k}[item.variant] == place == item.gold_index
    assert item.answer == units[place]
    assert item.index_base == (0 if item.variant == "base0" else 1)


def _contains(item: Item, units: tuple[str, ...]) -> None:
    assert item.gold_bin == item.answer == ("yes" if item.query_char in units else "no")


def _end(item: Item, units: tuple[str, ...]) -> None:
    assert item.gold_index == (0 if item.task == "first_letter" else len(units) - 1)
    assert item.answer == item.gold_bin


def _occurrence(item: Item, units: tuple[str, ...]) -> None:
    place = int(item.answer)
    before = units[:place].count(item.query_char or "")
    assert before + 1 == _number(item, "n")
    assert units[place] == item.query_char
    more = "+" if item.query_char in units[place + 1 :] else ""
    assert item.gold_bin == f"{before + 1}@{place}{more}"


def _changes(item: Item) -> None:
    assert item.answer != item.word, "an echo must not score"


def _copies(item: Item, units: tuple[str, ...]) -> None:
    _changes(item)
    assert units.count(item.query_char or "") == int(item.gold_bin) in {1, 2, 3}
    if item.task == "insert_after":
        assert item.arg("x") != item.query_char
        assert len(units_of(item.arg("x"), item.unit)) == 1
    if item.task == "substitute_all":
        assert item.arg("x") not in units
    if item.task == "swap_two":
        assert item.arg("d") in units
        assert item.arg("d") != item.query_char


def _delete_at(item: Item, units: tuple[str, ...]) -> None:
    _changes(item)
    assert _number(item, "k") == int(item.gold_bin) == item.gold_index
    assert item.index_base == 0


def _reverse(item: Item, units: tuple[str, ...]) -> None:
    _changes(item)


def _substring(item: Item, units: tuple[str, ...]) -> None:
    _changes(item)
    start, end = _number(item, "i"), _number(item, "j")
    assert 0 <= start < end <= len(units)
    assert 2 <= end - start == int(item.gold_bin) < len(units)


def _upper(item: Item, units: tuple[str, ...]) -> None:
    _changes(item)
    assert _number(item, "k") == int(item.gold_bin) in {2, 3}
    assert len(item.answer) == len(item.word)


def _more_letters(item: Item, units: tuple[str, ...]) -> None:
    sizes = {text: len(units_of(text, item.unit)) for text in item.choices}
    gap, place = item.gold_bin.split()
    assert len(sizes) == 2
    assert min(abs(sizes[item.choices[0]] - sizes[item.choices[1]]), 3) == int(gap)
    assert (item.answer == item.choices[0]) == (place == "first")
    assert [item.arg("first"), item.arg("second")] == list(item.choices)
    assert item.word in item.choices


def _four(item: Item) -> None:
    assert len(item.choices) == 4
    assert item.choices.index(item.word) == int(item.gold_bin)
    assert item.answer == item.word
    assert {len(units_of(text, item.unit)) for text in item.choices} == {item.length}


def _most(item: Item, units: tuple[str, ...]) -> None:
    _four(item)
    counts = sorted((units_of(text, item.unit).count(item.query_char or "") for text in item.choices), reverse=True)
    assert counts[0] > counts[1], "a maximum of one option"
    assert item.rep == (counts[0] > 1)


def _starts(item: Item, units: tuple[str, ...]) -> None:
    _four(item)
    affix = units_of(item.arg("affix"), item.unit)
    assert 1 <= len(affix) <= 3
    assert len(affix) < len(units)
    holding = [text for text in item.choices if _has(item, text, affix)]
    assert holding == [item.word]


def _has(item: Item, text: str, affix: tuple[str, ...]) -> bool:
    units = units_of(text, item.unit)
    return (units[: len(affix)] if item.task == "starts_with" else units[len(units) - len(affix) :]) == affix


def _nearest(item: Item, units: tuple[str, ...]) -> None:
    assert item.choices.index(item.answer) == int(item.gold_bin)
    near, far = sorted(distance(units, units_of(text, item.unit)) for text in item.choices)
    assert far - near >= 2
    assert near > 0
    assert [item.arg("first"), item.arg("second")] == list(item.choices)


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """Levenshtein distance, as the shortest way through the pairs of places."""
    ways = {(0, 0): 0}
    for left in range(len(one) + 1):
        for right in range(len(other) + 1):
            steps = [
                ways[left - 1, right] + 1 if left else None,
                ways[left, right - 1] + 1 if right else None,
                ways[left - 1, right - 1] + (one[left - 1] != other[right - 1]) if left and right else None,
            ]
            ways[left, right] = min((step for step in steps if step is not None), default=0)
    return ways[len(one), len(other)]


def _prefix(item: Item, units: tuple[str, ...]) -> None:
    other = units_of(item.arg("other"), item.unit)
    size = int(item.answer)
    assert other != units
    assert units[:size] == other[:size]
    assert units[: size + 1] != other[: size + 1]
    assert item.answer == item.gold_bin


def _random(item: Item, units: tuple[str, ...]) -> None:
    assert set(item.arg("text")) <= set("bcdfghjklmnpqrstvwxz")
    assert len(item.arg("text")) == len(units)
    assert item.gold_index is None
    assert (item.query_char is None) == (item.task == "rand_count_unique")
    if item.query_char is not None:
        assert item.query_pos is not None
        assert item.arg("text")[item.query_pos] == item.query_char


def _pattern(things: Sequence[str]) -> list[int]:
    """For each thing the place at which it first stood."""
    return [list(things).index(thing) for thing in things]


def _twin(item: Item, units: tuple[str, ...]) -> None:
    words = item.arg("list").split(", ")
    assert _pattern(words) == _pattern(units)
    assert item.answer == item.gold_bin
    assert (item.query_char, item.gold_index) == (None, None)
    query = dict(item.args).get("query")
    if query is None:
        assert item.task == "twin_count_unique"
    elif item.task == "twin_count_char":
        assert Counter(words)[query] == int(item.answer)
    else:
        assert words[int(item.answer)] == query


def _digits(item: Item, units: tuple[str, ...]) -> None:
    text = item.arg("text")
    assert "".join(char for char in text if char not in "0123456789") == item.word
    assert len(text) - len(item.word) == int(item.answer) == int(item.gold_bin)


CHECKS: dict[str, Callable[[Item, tuple[str, ...]], None]] = {
    "length": _length, "nth_char": _nth_char, "contains_char": _contains, "first_letter": _end, "last_letter": _end,
    "nth_occurrence": _occurrence,
    "insert_after": _copies, "delete_all": _copies, "substitute_all": _copies, "swap_two": _copies,
    "delete_at": _delete_at, "reverse": _reverse, "substring": _substring, "upper_every_k": _upper,
    "more_letters": _more_letters, "most_of_letter": _most, "starts_with": _starts, "ends_with": _starts,
    "orth_nearest": _nearest, "common_prefix_len": _prefix,
    "rand_count_char": _random, "rand_count_unique": _random, "rand_find_first": _random, "rand_find_last": _random,
    "twin_count_char": _twin, "twin_count_unique": _twin, "twin_find_first": _twin, "twin_find_last": _twin,
    "digits_in_word": _digits,
}  # fmt: skip
"""For each task what its items must be like."""
