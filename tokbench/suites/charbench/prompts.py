"""From an item to the text that a model reads, with the place of the word in it.

Wordings are data: ``suites/charbench/prompts.toml`` holds the frames, ``suites/charbench/questions/*.toml`` three
wordings of every question. A template is cut into its pieces once; an item only fills them.

>>> from tokbench.suites.charbench.items import build_items
>>> item = build_items("smoke", "natural", ("count_unique",))[0]
>>> print(render(item).text)
Answer with the number alone. Upper case and lower case are different characters.
<BLANKLINE>
How many different characters does the string 'whoa' have?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from tokbench.errors import ItemError, OptionError, SuiteDefinitionError, UnknownNameError
from tokbench.models.completion import Message
from tokbench.suites.charbench._shots import shot_items
from tokbench.suites.charbench._wordings import Piece, frame_of, pieces, question, sha256s, shot_words, text_of
from tokbench.suites.charbench.item import Item
from tokbench.suites.charbench.tasks import TASKS
from tokbench.suites.charbench.words import units_of

__all__ = [
    "INLINE", "PAPER_PROMPT", "PROMPTS", "RENDERINGS", "Rendered", "render", "rendering_of", "sha256s", "shot_words",
]  # fmt: skip

PAPER_PROMPT = "charbench-2025"
"""The wording of the paper, for its four tasks alone."""

PROMPTS = ("plain", "plain-b", "plain-c", "completion", PAPER_PROMPT)
"""Names of the wordings."""

RENDERINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "quote": (" '", "'"),
        "space": (" ", ""),
        "newline": ("\n", ""),
        "nlquote": ("\n'", "'"),
        "dquote": (' "', '"'),
        "backtick": (" `", "`"),
    }
)
"""What stands before and behind the word at the end of a prompt (``String:`` + before + word + behind): for pairs of
prompts that are equal up to that."""

INLINE = "inline"
"""The usual rendering: the word in single quotes, a space before them, where the question names it. (At the beginning
of a line a quote would join the letters behind it in some vocabularies.)"""

_QUOTED = ("'", "'")
_AT_END = "below"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a model reads.

    Attributes:
        prompt_id: The wording.
        rendering: ``inline``, or one of :data:`RENDERINGS`.
        system: Text of the system message, or None.
        text: The user's message, or the whole text for ``completion``.
        word_start: First byte of the word in the UTF-8 of ``text``; equal to ``word_end`` where the question does not
            show the word (it shows it in another form).
        word_end: Byte behind its last.
        shots: Number of answered questions before it.
    """

    prompt_id: str
    rendering: str
    system: str | None
    text: str
    word_start: int
    word_end: int
    shots: int = 0

    def messages(self) -> tuple[Message, ...]:
        """The prompt as a chat."""
        user = Message("user", self.text)
        return (user,) if self.system is None else (Message("system", self.system), user)


# ---------------------------------------------------------------------- templates


@dataclass(frozen=True, slots=True)
class _Template:
    """The frame of a prompt with the question of one task and variant in it.

    Attributes:
        system: Text of the system message, or None.
        pieces: What an item fills.
        head: Text before that, equal for all items.
        shots: Number of answered questions in it.
    """

    system: str | None
    pieces: tuple[Piece, ...]
    head: str = ""
    shots: int = 0


def _template_question(prompt_id: str, task: str, variant: str) -> str:
    table = frame_of(prompt_id)
    own = table.get("questions")
    if not isinstance(own, dict):
        return question(*TASKS[task].question(variant), text_of(table, prompt_id, "wording"))
    if task not in own:
        raise OptionError("prompt", prompt_id, f"only tasks of the paper ({', '.join(own)}), not {task}")
    return text_of(table, prompt_id, "questions", task)


def _instruction(prompt_id: str, task: str, text: str) -> str:
    """The line that says what an answer looks like; options without letters are answered by name."""
    kind: str = TASKS[task].answer_type
    if kind == "choice" and "{options}" not in text:
        kind = "named"
    return text_of(frame_of(prompt_id), prompt_id, "instructions", kind)


@cache
def _template(prompt_id: str, task: str, variant: str, *, at_end: bool) -> _Template:
    if prompt_id not in PROMPTS:
        raise UnknownNameError("prompt", prompt_id, PROMPTS)
    table = frame_of(prompt_id)
    if at_end and "rendered" not in table:
        raise OptionError("prompt", prompt_id, "a prompt whose word can stand at the end, such as plain")
    text = _template_question(prompt_id, task, variant)
    frame = text_of(table, prompt_id, "rendered" if at_end else "frame")
    head, count = "", 0
    if "shots" in table:
        shots, wanted = text_of(table, prompt_id, "shot").replace("{question}", text), table["shots"]
        assert isinstance(wanted, int), "a number of shots"
        cut = pieces(shots, prompt_id)
        head = "".join(_filled(cut, item, _QUOTED)[0] for item in shot_items(task, variant, wanted))
        frame, count = frame.removeprefix("{shots}"), wanted
    if at_end:
        if text.count("{word}") != 1:
            raise OptionError("rendering", task, "a task whose question names one string")
        text = text.replace("{word}", _AT_END)
    if "{instruction}" in frame:
        frame = frame.replace("{instruction}", _instruction(prompt_id, task, text))
    system = text_of(table, prompt_id, "system") if "system" in table else None
    return _Template(system, pieces(frame.replace("{question}", text), f"{prompt_id}, {task}"), head, count)


# ---------------------------------------------------------------------- filling


def _char(item: Item) -> str:
    """The queried character in quotes.

    Raises:
        ItemError: If it is not one character, or is absent where its place is asked for.
    """
    char = item.query_char
    if char is None or (len(char) != 1 and len(units_of(char, item.unit)) != 1):
        raise ItemError(item.item_id, f"the queried character is {char!r}: expected exactly one")
    if TASKS[item.task].question(item.variant)[0] in {"find_first", "find_last"} and char not in item.word:
        raise ItemError(item.item_id, f"{char!r} is not in {item.word!r}, so it has no place there")
    return f"'{char}'"


def _options(item: Item) -> tuple[str, int]:
    """The options with letters, one a line, and the character at which the word begins among them (-1: nowhere)."""
    text, start = "", -1
    for letter, option in zip(_LETTERS, item.choices, strict=False):
        text += f"\n({letter}) '"
        if option == item.word and start < 0:
            start = len(text)
        text += f"{option}'"
    return text, start


def _value(item: Item, field: str) -> tuple[str, int]:
    """Text of a field, and the character at which the word begins in it (-1: nowhere)."""
    if field == "char":
        return _char(item), -1
    if field == "options":
        return _options(item)
    if field == "answer":
        return item.answer, -1
    for name, value in item.args:
        if name == field:
            return value, 0 if value == item.word else -1
    known = ", ".join(("word", "char", "options", *dict(item.args)))
    raise SuiteDefinitionError("questions", f"{item.task}: {{{field}}} is nothing that the item has ({known})")


def _filled(cut: Sequence[Piece], item: Item, quotes: tuple[str, str]) -> tuple[str, int]:
    """The text, and the character at which the word begins in it (-1 if it is not shown)."""
    parts: list[str] = []
    size, start = 0, -1
    for literal, field in cut:
        parts.append(literal)
        size += len(literal)
        if not field:
            continue
        if field == "word":
            value, within = f"{quotes[0]}{item.word}{quotes[1]}", len(quotes[0])
        else:
            value, within = _value(item, field)
        if within >= 0 and start < 0:
            start = size + within
        parts.append(value)
        size += len(value)
    return "".join(parts), start


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def rendering_of(item: Item, rendering: str | None = None) -> str:
    """How the word of an item is written: as asked for, else as its task says, else :data:`INLINE`."""
    return rendering or TASKS[item.task].rendering(item.variant) or INLINE


def render(item: Item, prompt_id: str = "plain", rendering: str | None = None) -> Rendered:
    """The prompt of an item.

    Args:
        item: The item.
        prompt_id: One of :data:`PROMPTS`.
        rendering: ``inline`` writes the word in single quotes where the question names it; a name in
            :data:`RENDERINGS` puts it behind ``String:``, the end of the prompt (of the question for ``completion``).
            None leaves it to the task: ``inline`` for all but ``pair_render``.

    Raises:
        UnknownNameError: If there is no such wording or rendering.
        OptionError: If the wording has no question for the task, or none whose word can stand at the end.
        ItemError: If what the item asks for is not one character.
        SuiteDefinitionError: If a wording is missing, or names an argument that the item does not have.
    """
    name = rendering_of(item, rendering)
    quotes = _QUOTED
    if at_end := name != INLINE:
        if name not in RENDERINGS:
            raise UnknownNameError("rendering", name, (INLINE, *RENDERINGS))
        quotes = RENDERINGS[name]
    template = _template(prompt_id, item.task, item.variant, at_end=at_end)
    text, start = _filled(template.pieces, item, quotes)
    if start < 0:
        return Rendered(prompt_id, name, template.system, template.head + text, 0, 0, template.shots)
    first = _bytes(template.head) + _bytes(text[:start])
    text, last = template.head + text, first + _bytes(item.word)
    return Rendered(prompt_id, name, template.system, text, first, last, template.shots)
