"""Snapshots of ids: one readable file for each test, with text, ids and pieces, to be reviewed in a diff.

::

    # tokbench snapshot 1: test_ids.py::test_words[hf-gpt2]

    by      hf-gpt2
    text    'hello world'
    ids     31373 995
    pieces  'hello' ' world'

A text of several lines, and a long row of ids, go on in lines that begin with eight spaces.
"""

from __future__ import annotations

import ast
import hashlib
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tokbench._plugin.message import MAX_LINES, ids_block, pieces_of, shorten
from tokbench.errors import TokbenchError
from tokbench.laws import as_tokenizer
from tokbench.tokenizers import Tokenizer

__all__ = ["FOLDER", "Entry", "Snapshot", "file_of", "format_entries", "parse_entries"]

FOLDER = "__tokbench__"
"""Folder beside the tests that holds their files."""

_VERSION = 1
_WIDTH = 100
_INDENT = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One text as one tokenizer cut it.

    Attributes:
        by: Name of the tokenizer.
        text: The text.
        ids: Its ids.
        pieces: What each id stands for, written readably, in lines.
    """

    by: str
    text: str
    ids: tuple[int, ...]
    pieces: tuple[str, ...]


def readable(piece: bytes | str) -> str:
    """A piece as it stands in a file: the characters themselves where they are safe to look at, else escapes."""
    if isinstance(piece, str):  # <kind>, for an id without bytes
        return piece
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return ascii(piece)
    # marks would join the quotation mark before them; repr escapes what moves or hides the characters around it
    return ascii(text) if any(unicodedata.combining(character) for character in text) else repr(text)


def _literal(text: str) -> str:
    return ascii(text) if any(unicodedata.combining(character) for character in text) else repr(text)


def _wrapped(words: Sequence[str]) -> list[str]:
    """Words in lines of about a hundred characters; no word is cut."""
    lines, line = [], ""
    for word in words:
        if line and len(line) + 1 + len(word) > _WIDTH:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _field(name: str, lines: Sequence[str]) -> str:
    return "".join(
        f"{name if index == 0 else '':<{_INDENT}}{line}".rstrip() + "\n" for index, line in enumerate(lines or [""])
    )


def format_entries(entries: Iterable[Entry], title: str) -> str:
    """The file that holds ``entries``."""
    parts = [f"# tokbench snapshot {_VERSION}: {title}\n"]
    parts += [
        "\n"
        + _field("by", [entry.by])
        + _field("text", [_literal(line) for line in entry.text.splitlines(keepends=True) or [""]])
        + _field("ids", _wrapped(list(map(str, entry.ids))))
        + _field("pieces", entry.pieces)
        for entry in entries
    ]
    return "".join(parts)


def _fields(block: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for line in block.splitlines():
        head, rest = line[:_INDENT].strip(), line[_INDENT:]
        name = head or name
        found.setdefault(name, []).append(rest)
    return found


def parse_entries(data: str, path: str) -> list[Entry]:
    """The entries of a file: the inverse of :func:`format_entries`.

    Raises:
        pytest.UsageError: If it is not such a file.
    """
    head, *blocks = re.split(r"\n\n+", data.strip("\n"))
    if not head.startswith(f"# tokbench snapshot {_VERSION}:"):
        raise pytest.UsageError(
            f"{path}: expected a file of tokbench snapshot {_VERSION}, found {head[:60]!a}: write it anew with "
            "--tokbench-snapshot-update"
        )
    entries = []
    for block in blocks:
        fields = _fields(block)
        try:
            (by,) = fields["by"]
            text = "".join(ast.literal_eval(line) for line in fields["text"])
            ids = tuple(int(token) for line in fields["ids"] for token in line.split())
            entries.append(Entry(by, text, ids, tuple(fields["pieces"])))
        except (KeyError, ValueError, SyntaxError, TypeError):
            raise pytest.UsageError(
                f"{path}: this entry is malformed: {shorten(ascii(block), 120)}: write the file anew with "
                "--tokbench-snapshot-update"
            ) from None
    return entries


def file_of(test: Path, names: Sequence[str], suffix: str = ".txt") -> Path:
    """File of a test: ``__tokbench__/<module>/<test>.txt`` beside it.

    Args:
        test: File of the test.
        names: The parts of its id behind the file.
        suffix: End of the name.
    """
    name = ".".join(names)
    plain = re.sub(r"[^\w.-]+", "-", name.replace("[", "-").replace("]", ""), flags=re.ASCII)
    if re.search(r"[^\w.\[\]-]", name, re.ASCII):  # two names may have become one
        plain += f"-{hashlib.blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=4).hexdigest()}"
    return test.parent / FOLDER / test.stem / f"{plain[:150]}{suffix}"


def name_of(engine: object) -> str:
    """Name of a tokenizer in files and messages."""
    return engine.info.slug if isinstance(engine, Tokenizer) else type(engine).__name__


def _pieces(tokenizer: Tokenizer, ids: Sequence[int]) -> list[bytes | str]:
    pieces: list[bytes | str] = []
    for token_id, piece in zip(ids, pieces_of(tokenizer, ids), strict=True):
        if piece != "<normal>":
            pieces.append(piece)
            continue
        try:  # an engine that does not say the bytes of an id may still decode it
            pieces.append(tokenizer.decode([token_id]).encode("utf-8", "surrogatepass"))
        except (TokbenchError, ValueError, LookupError):
            pieces.append("<normal>")
    return pieces


@dataclass
class Snapshot:
    """Compares the ids of texts with those in the file of the test, or writes them there.

    Call it with a tokenizer (ours, or anything with ``encode`` and ``decode``) and one text or several.

    Attributes:
        path: The file.
        title: Id of the test.
        update: Whether to write instead of comparing.
        seen: Entries of this run.
    """

    path: Path
    title: str
    update: bool
    seen: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stored: dict[tuple[str, str], Entry] | None = None

    @property
    def stored(self) -> dict[tuple[str, str], Entry]:
        """Entries of the file, by tokenizer and text; empty where there is none."""
        if self._stored is None:
            try:
                data = self.path.read_text(encoding="utf-8")
            except FileNotFoundError:
                entries = []
            else:
                entries = parse_entries(data, self.path.name)
            self._stored = {(entry.by, entry.text): entry for entry in entries}
        return self._stored

    def __call__(self, engine: object, texts: str | Iterable[str]) -> None:
        """Compare or write.

        Args:
            engine: The tokenizer.
            texts: One text or several.
        """
        __tracebackhide__ = True
        tokenizer, by = as_tokenizer(engine), name_of(engine)
        problems = []
        for text in [texts] if isinstance(texts, str) else texts:
            ids = tokenizer.encode(text)
            pieces = _pieces(tokenizer, ids)
            entry = Entry(by, text, tuple(ids), tuple(_wrapped([readable(piece) for piece in pieces])))
            self.seen[by, text] = entry
            if not self.update:
                problems += self._compare(entry, tokenizer, pieces)
        if problems:
            shown = problems if len(problems) <= MAX_LINES else [*problems[: MAX_LINES - 1], "    ..."]
            pytest.fail("\n".join(shown))

    def _compare(self, entry: Entry, tokenizer: Tokenizer, pieces: Sequence[bytes | str]) -> list[str]:
        where = f"{FOLDER}/{self.path.parent.name}/{self.path.name}"
        stored = self.stored.get((entry.by, entry.text))
        if stored is None:
            why = "has no such text" if self.path.exists() else "does not exist"
            head = f"no ids are stored for {shorten(ascii(entry.text), 80)} by {entry.by}: {where} {why}"
            return [head, "    update      --tokbench-snapshot-update writes it; look at the diff before you commit it"]
        if stored.ids == entry.ids and [line.rstrip() for line in stored.pieces] == [
            line.rstrip() for line in entry.pieces
        ]:
            return []
        before = _pieces(tokenizer, stored.ids)
        if stored.ids == entry.ids:
            head = f"the ids of {shorten(ascii(entry.text), 80)} are those of {where}, but stand for other pieces"
            told = textwrap.shorten(" ".join(stored.pieces), 160), textwrap.shorten(" ".join(entry.pieces), 160)
            return [head, f"    stored      {told[0]}", f"    now         {told[1]}"]
        head = f"{shorten(ascii(entry.text), 80)} has other ids by {entry.by} than in {where}"
        return [head, *ids_block(("stored", "now"), (stored.ids, entry.ids), (before, pieces))]

    def finish(self) -> str | None:
        """Write the file under update; else say which entries nothing asked for, or None.

        Called where the test has passed; a test that failed has not asked for all of its texts.
        """
        if not self.update:
            left = [text for by, text in self.stored if (by, text) not in self.seen]
            if not left:
                return None
            shown = ", ".join(shorten(ascii(text), 40) for text in left[:3])
            return (
                f"{self.path.name} holds {len(left)} texts that the test no longer asks for ({shown}): "
                "--tokbench-snapshot-update removes them"
            )
        if self.seen:
            data = format_entries(self.seen.values(), self.title)
            if not self.path.exists() or self.path.read_text(encoding="utf-8") != data:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.path.write_text(data, encoding="utf-8", newline="\n")
        return None
