"""How a tokenizer cuts a few telling texts, kept as rows, so that a report can draw them without the tokenizer.

The texts are data: ``suites/exactness/pictures.toml``. A picture is no test: no law and no metric rests on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokbench._resources import resource
from tokbench.errors import TokbenchError
from tokbench.results import Outcome, Sample
from tokbench.suites.definition import Fields, read_toml
from tokbench.suites.part import PartResult
from tokbench.tokenizers.protocol import Tokenizer

__all__ = ["METRIC", "Telling", "load_tellings", "picture_rows", "tellings_entry"]

METRIC = "picture"
"""Name under which the rows stand; there is no metric of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """A text whose cut says something of a tokenizer.

    Attributes:
        name: Stable name, part of the item ``picture/<name>``.
        title: What is cut.
        see: One sentence: what to look at.
        text: The text.
    """

    name: str
    title: str
    see: str
    text: str


def _file() -> Path:
    return resource("suites", "exactness", "pictures.toml")


def load_tellings(path: Path | None = None) -> tuple[Telling, ...]:
    """Read the texts.

    Args:
        path: Another file than the one that the project ships.

    Raises:
        SuiteDefinitionError: If the file is missing or malformed, or if two texts have one name.
    """
    top = read_toml(_file() if path is None else path)
    found = []
    for index, table in enumerate(top.items("picture")):
        fields = Fields(top.path, f"picture[{index}]", table)
        found.append(Telling(**{name: fields.text(name) for name in ("name", "title", "see", "text")}))
        fields.finish()
    if len({telling.name for telling in found}) != len(found):
        raise top.wrong("picture", "two texts have the same name")
    top.finish()
    return tuple(found)


def tellings_entry() -> Mapping[str, object]:
    """What a record says of the texts of the project.

    They are named there and are no part of the items that identify a run: with other texts its numbers stay the same.
    """
    return {
        "name": "telling texts", "sha256": hashlib.sha256(_file().read_bytes()).hexdigest(), "licence": "Apache-2.0",
        "source": "project", "rows": len(load_tellings()),
    }  # fmt: skip


def _bytes(tokenizer: Tokenizer, token_id: int) -> bytes | None:
    try:
        return tokenizer.token_bytes(token_id)
    except TokbenchError:  # a special or unknown token, or one whose string has no bytes
        return None


def _row(tokenizer: Tokenizer, telling: Telling, place: int) -> Sample:
    data = telling.text.encode()
    detail: dict[str, object] = {"title": telling.title, "see": telling.see, "place": place}
    ids: tuple[int, ...] | None = None
    outcome: Outcome = "skipped"
    try:
        ids = tuple(tokenizer.encode(telling.text))
        pieces = [_bytes(tokenizer, token_id) for token_id in ids]
        detail["bytes"] = [None if piece is None else piece.hex() for piece in pieces]
        if None in pieces:
            detail["kinds"] = [tokenizer.kind(token_id) for token_id in ids]
        if None not in pieces and tokenizer.decode_bytes(ids) == data:
            outcome, message = "correct", ""
        else:
            # said in the words of the capability: whether this breaks a promise is a question for the laws
            message = f"the bytes of the tokens are not those of the text ({tokenizer.info.capability.summary})"
            detail["decoded"] = tokenizer.decode(ids)
    except TokbenchError as error:
        message = str(error)
    return Sample(
        item_id=f"picture/{telling.name}",
        metric=METRIC,
        outcome=outcome,
        prompt_sha256=hashlib.sha256(data).hexdigest(),
        ids=ids,
        gold=telling.text,
        message=message,
        detail=detail,
    )


def picture_rows(tokenizer: Tokenizer, tellings: Iterable[Telling] | None = None) -> PartResult:
    """Rows: a sample ``picture/<name>`` for each text, and no metric.

    A row is ``correct`` where the bytes of the tokens, less an inserted prefix, are those of the text, and ``skipped``
    with the reason otherwise. Its ``gold`` is the text; its ``detail`` holds ``title``, ``see``, ``place`` (order of
    the texts), ``bytes`` (of each token in hexadecimal digits, null for one without bytes), ``kinds`` of the tokens if
    one has no bytes, and ``decoded``, what the library decodes, where that is not the text.

    Args:
        tokenizer: The tokenizer.
        tellings: Other texts than those of the project.
    """
    chosen = load_tellings() if tellings is None else tellings
    return PartResult([_row(tokenizer, telling, place) for place, telling in enumerate(chosen)], [])
