"""From a passage and its targets to a prompt: the five markings."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache

from tokbench._resources import resource
from tokbench.errors import ItemError, SuiteDefinitionError
from tokbench.suites.phantom.item import Item, Marking, Target
from tokbench.suites.phantom.replies import split_words

__all__ = ["mark", "template_sha256"]


@cache
def _templates() -> Mapping[str, Mapping[str, str]]:
    path = resource("suites", "phantom", "prompts.toml")
    found = {
        name: table
        for name, table in tomllib.loads(path.read_text(encoding="utf-8")).items()
        if isinstance(table, dict)
    }
    for name, table in found.items():
        if table.get("text", "").count("{passage}") != 1:
            raise SuiteDefinitionError(path.name, f"{name}.text: expected {{passage}} once")
    return found


def template_sha256() -> str:
    """Hash of the file of templates."""
    return hashlib.sha256(resource("suites", "phantom", "prompts.toml").read_bytes()).hexdigest()


def _numbers(text: str, target: Target) -> dict[str, object]:
    data = text.encode()
    first = len(data[: target.start].decode())
    last = first + len(target.word)
    words = split_words(text)
    number = next((at for at, word in enumerate(words, 1) if word.start < last and word.end > first), 0)
    return {"word": target.word, "number": number, "first": first, "last": last - 1}


def mark(item_id: str, stratum: str, frame: str, text: str, targets: Sequence[Target], marking: Marking) -> Item:
    """An item of a passage under one marking.

    Args:
        item_id: Its name.
        stratum: Its stratum.
        frame: What it is made from.
        text: The unmarked passage.
        targets: The words to replace, in order.
        marking: How they are marked.

    Raises:
        ItemError: If a target is not the word at its place.
    """
    template = _templates()[marking]
    data, marked = text.encode(), text
    marks: list[tuple[int, int]] = []
    if marking == "bracket":
        parts, at, shift = [], 0, 0
        for target in targets:
            if target.start < at:
                raise ItemError(item_id, f"the target {target.word!a} overlaps the one before it")
            parts += [data[at : target.start], b"[", data[target.start : target.end], b"]"]
            marks += [
                (target.start + shift, target.start + shift + 1), (target.end + shift + 1, target.end + shift + 2)
            ]  # fmt: skip
            at, shift = target.end, shift + 2
        marked = b"".join([*parts, data[at:]]).decode()
    said = template.get("joint", "").join(
        template["one"].format(**_numbers(text, target)) for target in targets if "one" in template
    )
    before, _, after = template["text"].strip().partition("{passage}")
    before, after = before.replace("{words}", said), after.replace("{words}", said)
    return Item(
        item_id=item_id, stratum=stratum, frame=frame, text=text, targets=tuple(targets), marking=marking,
        prompt=f"{before}{marked}{after}", marked=marked, passage=len(before.encode()), marks=tuple(marks),
    )  # fmt: skip
