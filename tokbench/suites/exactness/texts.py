"""Texts to measure on: files of the user, and the small corpus that the project ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokbench._resources import resource
from tokbench.errors import MetricInputError, TextInputError
from tokbench.suites.definition import Fields, read_toml
from tokbench.suites.exactness.segmenters import SEGMENTERS

__all__ = ["Text", "check_aligned", "embedded_corpus", "read_parallel", "read_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Lines of text under a name.

    Attributes:
        name: Name for filters of metrics, for example ``eng`` or the stem of a file.
        lines: The lines without their ends.
        segmenter: Name of the segmenter for word metrics, or None where there is none.
        parallel: Whether the lines are aligned with those of the other parallel texts.
        title: For headings, for example ``English``.
        source: Where it is from, for messages.
    """

    name: str
    lines: tuple[str, ...]
    segmenter: str | None = None
    parallel: bool = False
    title: str = ""
    source: str = ""


def _lines(path: Path) -> tuple[str, ...]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TextInputError(path.name, f"this text file cannot be read ({error.strerror})") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"expected UTF-8, found byte 0x{data[error.start]:02X} at offset {error.start} (line {line})"
        raise TextInputError(path.name, problem) from None
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()  # what stands behind the last newline is no line
    if not any(line.strip() for line in lines):
        raise MetricInputError(path.name, None, "the file holds no text")
    return tuple(lines)


def read_text(path: Path, segmenter: str | None = None) -> Text:
    """A text file of the user.

    Args:
        path: UTF-8, with or without a byte-order mark.
        segmenter: Segmenter for word metrics, or None to leave them out.

    Raises:
        TextInputError: If the file cannot be read or is not UTF-8; names offset and line.
        MetricInputError: If it holds no text.
    """
    return Text(name=path.stem, lines=_lines(path), segmenter=segmenter, source=path.name)


def read_parallel(paths: Sequence[Path], segmenter: str | None = None) -> list[Text]:
    """Line-aligned files; the first is what the others are compared with.

    Raises:
        TextInputError: If a file cannot be read or is not UTF-8.
        MetricInputError: If the numbers of lines differ, a line is empty in one file only, or two files have
            the same name.
    """
    texts = [
        Text(name=path.stem, lines=_lines(path), segmenter=segmenter, parallel=True, source=path.name) for path in paths
    ]
    check_aligned(texts)
    return texts


def check_aligned(texts: Sequence[Text]) -> None:
    """Check that parallel texts are aligned line by line.

    Raises:
        MetricInputError: If the numbers of lines differ, a line is empty in one text only, or names repeat.
    """
    seen: set[str] = set()
    for text in texts:
        if text.name in seen:
            raise MetricInputError(text.source, None, f"two parallel texts are called {text.name!r}: rename a file")
        seen.add(text.name)
    for text in texts[1:]:
        first = texts[0]
        if len(text.lines) != len(first.lines):
            raise MetricInputError(
                text.source, None,
                f"{len(text.lines)} lines, but the parallel file {first.source} has {len(first.lines)}",
            )  # fmt: skip
        for number, (line, other) in enumerate(zip(text.lines, first.lines, strict=True), 1):
            if bool(line.strip()) != bool(other.strip()):
                empty, full = (text, first) if not line.strip() else (first, text)
                raise MetricInputError(empty.source, number, f"the line is empty, but in {full.source} it is not")


def _entry(fields: Fields, folder: Path) -> Text:
    file = fields.text("path")
    name = fields.one_of("segmenter", ("none", *SEGMENTERS))
    text = Text(
        name=Path(file).stem,
        lines=_lines(folder / file),
        segmenter=None if name == "none" else name,
        parallel=fields.flag("parallel"),
        title=fields.text("name"),
        source=file,
    )
    fields.text("code")
    fields.text("script")
    fields.finish()
    return text


def embedded_corpus(folder: Path | None = None) -> list[Text]:
    """The small corpus that ships with the project: ``suites/exactness/corpus/index.toml`` and its files.

    The reference of the parallel texts comes first.

    Args:
        folder: Another folder with an ``index.toml``.

    Raises:
        SuiteDefinitionError: If the index is missing or malformed.
        TextInputError, MetricInputError: If a file is not UTF-8, or parallel files are not aligned.
    """
    root = resource("suites", "exactness", "corpus") if folder is None else folder
    index = read_toml(root / "index.toml")
    texts = [
        _entry(Fields(index.path, f"file[{number}]", table), root) for number, table in enumerate(index.items("file"))
    ]
    reference = index.text("reference")
    index.finish()
    if not any(text.source == reference and text.parallel for text in texts):
        raise index.wrong("reference", f"{reference} is not among the parallel files")
    texts.sort(key=lambda text: text.source != reference)
    check_aligned([text for text in texts if text.parallel])
    return texts
