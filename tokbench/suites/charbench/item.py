"""One question of the suite: :class:`Item`, and what a task says of one: :class:`Fields`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["AnswerType", "Fields", "Item", "Word"]

AnswerType = Literal["int", "str", "bool", "choice"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a list.

    Attributes:
        text: The word, NFC.
        units: Its characters (code points or graphemes, as the list is read).
        level: Band of frequency (size of the smallest SCOWL list that holds it), or None.
    """

    text: str
    units: tuple[str, ...]
    level: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What a task says of an item.

    Attributes:
        answer: The gold answer as text: decimal digits, ``yes``/``no``, or the exact string.
        query_char: The queried character, or None.
        query_pos: 0-based position that was queried (natural profile, ``nth_char``), or None.
        args: Further arguments by name, in the order in which the question names them (``x``, ``k``, ``other``).
        choices: The options, for answers of type ``choice``.
        gold_index: 0-based index in the word of the character that decides the answer (target of TTL), or None.
        index_base: 0 or 1 where the question counts positions, or None.
        word: The form in which the word is asked about, or None for that of the list.
    """

    answer: str
    query_char: str | None = None
    query_pos: int | None = None
    args: tuple[tuple[str, str], ...] = ()
    choices: tuple[str, ...] = ()
    gold_index: int | None = None
    index_base: int | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question, without its wording (see :mod:`tokbench.suites.charbench.prompts`).

    Attributes:
        item_id: ``charbench-1/<gold profile>/<task>/<variant>/L<length>/<i>``.
        task: Name of the task.
        variant: Its variant, ``std`` where there is one only.
        gold_profile: ``natural`` or ``balanced`` (``rows`` for imported ones).
        list_name: Name of the word list without its prefix.
        word: The word.
        unit: ``codepoint`` or ``grapheme``.
        length: Its length in units.
        level: See :class:`Word`.
        case_form: ``lower``, ``title``, ``upper`` or ``mixed``.
        answer_type: How the answer is read.
        gold_bin: The cell's gold, as text.
        rep: 1 if the queried character occurs more than once, in tasks that balance this; else 0.
    """

    item_id: str
    task: str
    variant: str
    gold_profile: str
    list_name: str
    word: str
    unit: str
    length: int
    level: int | None
    case_form: str
    answer: str
    answer_type: AnswerType
    query_char: str | None = None
    query_pos: int | None = None
    args: tuple[tuple[str, str], ...] = ()
    choices: tuple[str, ...] = ()
    gold_index: int | None = None
    index_base: int | None = None
    gold_bin: str = ""
    rep: int = 0

    def arg(self, name: str) -> str:
        """Value of a further argument.

        Raises:
            KeyError: If the item has none of this name.
        """
        return dict(self.args)[name]


def case_form(units: Sequence[str]) -> str:
    """``lower``, ``title``, ``upper`` or ``mixed``; text without case is ``lower``."""
    text = "".join(units)
    if text == text.lower():
        return "lower"
    if text == text.upper():
        return "upper"
    rest = "".join(units[1:])
    return "title" if rest == rest.lower() else "mixed"
