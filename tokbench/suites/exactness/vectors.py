r"""Expected ids from other projects: their file formats, and how a tokenizer does on them.

Two formats. *kitoken*: a ``small`` and a ``mixed`` file with one case a line, in which a literal ``\n``, ``\s`` or
``\x`` means newline, space or nothing, and a ``utf8`` file that is one case as a whole; ids are separated by commas,
one line a case; an ``output`` file stands where decoding does not give the input back. *llama.cpp*: cases between
``__ggml_vocab_test__`` lines, ids separated by spaces, and a blank line is a case without ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokbench.errors import TokbenchError, VectorFormatError
from tokbench.results import Metric, Sample
from tokbench.suites.definition import VectorSet
from tokbench.suites.part import PartResult
from tokbench.tokenizers.protocol import Tokenizer

__all__ = [
    "CaseResult",
    "VectorCase",
    "check_vectors",
    "find_sets",
    "format_ids",
    "format_kitoken",
    "format_llama",
    "parse_ids",
    "parse_kitoken",
    "parse_llama",
    "read_set",
    "vector_rows",
]

_ESCAPES = {"n": "\n", "s": " ", "x": ""}
_ESCAPE = re.compile(r"\\([nsx])")
_LLAMA_SEPARATOR = "\n__ggml_vocab_test__\n"
_KITOKEN_INPUTS = ("small", "mixed")


@dataclass(frozen=True, slots=True)
class VectorCase:
    """One case.

    Attributes:
        number: Its position in the set, from 0.
        source: Which file of the set it is from: ``small``, ``mixed``, ``utf8`` or ``inp``.
        text: Input.
        ids: Expected ids.
        output: Expected text of decoding the ids.
    """

    number: int
    source: str
    text: str
    ids: tuple[int, ...]
    output: str


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case came out.

    Attributes:
        case: The case.
        ids: What ``encode`` gave, or None if it raised.
        output: What ``decode`` of the expected ids gave, or None if it raised.
        problem: Message of the error, if any.
    """

    case: VectorCase
    ids: tuple[int, ...] | None
    output: str | None
    problem: str = ""

    @property
    def encode_equal(self) -> bool:
        """Whether the ids are the expected ones."""
        return self.ids == self.case.ids

    @property
    def decode_equal(self) -> bool:
        """Whether the text is the expected one."""
        return self.output == self.case.output


# ---------------------------------------------------------------------- formats


def parse_kitoken(data: str) -> list[str]:
    """Cases of a ``small`` or ``mixed`` file: lines that are not empty, escapes resolved."""
    lines = (line.removesuffix("\r") for line in data.split("\n"))
    return [_ESCAPE.sub(lambda match: _ESCAPES[match[1]], line) for line in lines if line]


def format_kitoken(cases: Iterable[str]) -> str:
    r"""The file whose cases are ``cases``: the inverse of :func:`parse_kitoken`.

    Newlines and a trailing space are escaped. ``\x`` is put where a case would otherwise be misread: into an
    empty one, behind a trailing carriage return, and into what only looks like an escape.
    """
    lines = []
    for case in cases:
        line = re.sub(r"\\(?=[nsx])", r"\\\\x", case).replace("\n", "\\n")
        if line.endswith(" "):
            line = line[:-1] + "\\s"
        if not line or line.endswith("\r"):
            line += "\\x"
        lines.append(line + "\n")
    return "".join(lines)


def parse_llama(data: str) -> list[str]:
    """Cases of an ``.inp`` file; the text behind the last separator is not a case if it is empty."""
    cases = data.split(_LLAMA_SEPARATOR)
    return cases[:-1] if cases[-1] == "" else cases


def format_llama(cases: Iterable[str]) -> str:
    """The ``.inp`` file whose cases are ``cases``: the inverse of :func:`parse_llama`."""
    return "".join(case + _LLAMA_SEPARATOR for case in cases)


def parse_ids(data: str, path: str, separator: str) -> list[tuple[int, ...]]:
    """Lists of ids, one a line; a blank line is an empty list.

    Args:
        data: Content of the file.
        path: For messages.
        separator: ``","`` (kitoken) or ``" "`` (llama.cpp); white space around an id does not matter.

    Raises:
        VectorFormatError: If something else than ids stands in a line; names the line.
    """
    lines = data.split("\n")
    if lines[-1] == "":
        lines.pop()
    rows = []
    for number, line in enumerate(lines, 1):
        parts = line.split() if separator == " " else line.split(separator) if line.strip() else []
        try:
            rows.append(tuple(int(part) for part in parts))
        except ValueError:
            problem = f"line {number}: expected ids separated by {separator!r}, found {line[:40]!r}"
            raise VectorFormatError(path, problem) from None
    return rows


def format_ids(rows: Iterable[Sequence[int]], separator: str) -> str:
    """The inverse of :func:`parse_ids`: ids with a space behind each comma, or a space in front of each id."""
    if separator == " ":
        return "".join("".join(f" {token}" for token in row) + "\n" for row in rows)
    return "".join(f"{separator} ".join(map(str, row)) + "\n" for row in rows)


# ---------------------------------------------------------------------- reading


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise VectorFormatError(path.name, f"this file of the set cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise VectorFormatError(path.name, f"expected UTF-8, found byte 0x{error.object[error.start]:02X} "
                                f"at offset {error.start}") from None  # fmt: skip


def _paired(
    source: str, texts: list[str], rows: list[tuple[int, ...]], outputs: list[str], names: tuple[str, str, str]
) -> list[tuple[str, str, tuple[int, ...], str]]:
    inputs, tokens, decoded = names
    if len(rows) != len(texts):
        raise VectorFormatError(tokens, f"{len(rows)} lists of ids for the {len(texts)} cases of {inputs}")
    if len(outputs) != len(texts):
        raise VectorFormatError(decoded, f"{len(outputs)} outputs for the {len(texts)} cases of {inputs}")
    return [(source, *case) for case in zip(texts, rows, outputs, strict=True)]


def _read_kitoken(entry: VectorSet, root: Path) -> list[tuple[str, str, tuple[int, ...], str]]:
    folder, found = root / entry.folder, []
    for source in (*_KITOKEN_INPUTS, "utf8"):
        inputs = folder.parent / f"{source}_input.txt"
        tokens = folder / f"{source}_tokens_{entry.stem}.txt"
        decoded = folder / f"{source}_output_{entry.stem}.txt"
        data, rows = _read(inputs), parse_ids(_read(tokens), tokens.name, ",")
        texts = [data] if source == "utf8" else parse_kitoken(data)
        if decoded.is_file():
            raw = _read(decoded)
            outputs = [raw] if source == "utf8" else parse_kitoken(raw)
        else:
            outputs = texts
        found += _paired(source, texts, rows, outputs, (inputs.name, tokens.name, decoded.name))
    return found


def _read_llama(entry: VectorSet, root: Path) -> list[tuple[str, str, tuple[int, ...], str]]:
    inputs = root / entry.folder / f"ggml-vocab-{entry.stem}.gguf.inp"
    tokens = inputs.with_suffix(".out")
    texts, rows = parse_llama(_read(inputs)), parse_ids(_read(tokens), tokens.name, " ")
    return _paired("inp", texts, rows, texts, (inputs.name, tokens.name, inputs.name))


def read_set(entry: VectorSet, root: Path) -> list[VectorCase]:
    """The cases of a set.

    Args:
        entry: The set.
        root: Folder of vectors, which holds ``kitoken`` and ``llama.cpp``.

    Raises:
        VectorFormatError: If a file is missing or malformed, or if the numbers of cases differ.
    """
    found = (_read_kitoken if entry.format == "kitoken" else _read_llama)(entry, root)
    if len(found) != entry.cases:
        raise VectorFormatError(entry.set, f"{len(found)} cases in the files, {entry.cases} in the definition")
    return [VectorCase(number, *case) for number, case in enumerate(found)]


def find_sets(tokenizer: Tokenizer, sets: Iterable[VectorSet]) -> list[VectorSet]:
    """The sets that belong to ``tokenizer``: by backend, by hash of a file and, where the set says so, by name."""
    info = tokenizer.info
    hashes = {file.sha256 for file in info.files}
    return [
        entry
        for entry in sets
        if info.backend in entry.backends and hashes & entry.sha256 and (not entry.names or info.name in entry.names)
    ]


# ---------------------------------------------------------------------- checking


def check_vectors(tokenizer: Tokenizer, entry: VectorSet, cases: Iterable[VectorCase]) -> list[CaseResult]:
    """Encode the text and decode the expected ids of every case."""
    results = []
    for case in cases:
        ids: tuple[int, ...] | None = None
        output: str | None = None
        problem = ""
        try:
            ids = tuple(tokenizer.encode(case.text, specials=entry.specials))
            output = tokenizer.decode(case.ids)
        except TokbenchError as error:
            problem = str(error)
        results.append(CaseResult(case, ids, output, problem))
    return results


def _difference(expected: Sequence[int], found: Sequence[int]) -> str:
    index = next(
        (index for index, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]),
        min(len(expected), len(found)),
    )
    window = slice(max(index - 2, 0), index + 3)
    return f"ids differ from index {index}: expected {list(expected[window])}, found {list(found[window])}"


def _message(result: CaseResult) -> str:
    parts = [result.problem] if result.problem else []
    if not result.encode_equal and result.ids is not None:
        parts.append(_difference(result.case.ids, result.ids))
    if not result.decode_equal and result.output is not None:
        parts.append(f"decode: expected {result.case.output[:60]!r}, found {result.output[:60]!r}")
    return "; ".join(parts)


def vector_rows(entry: VectorSet, results: Sequence[CaseResult]) -> PartResult:
    """Rows of a set: one sample a case, ``vectors.encode`` and ``vectors.decode`` with counts."""
    samples = [
        Sample(
            item_id=f"vectors/{entry.set}/{result.case.number:03d}",
            metric="vectors",
            outcome="correct" if result.encode_equal and result.decode_equal else "failed" if result.problem
            else "wrong",
            stratum=result.case.source,
            score=float(result.encode_equal and result.decode_equal),
            ids=None if result.encode_equal else result.ids,
            message=_message(result),
        )
        for result in results
    ]  # fmt: skip
    metrics = []
    for name, attribute in (("vectors.encode", "encode_equal"), ("vectors.decode", "decode_equal")):
        equal, total = sum(getattr(result, attribute) for result in results), len(results)
        metrics.append(
            Metric(
                metric=name,
                value=equal / total if total else None,
                direction="up",
                k=equal,
                n=total,
                n_failed=sum(bool(result.problem) for result in results),
                method="exact",
                unit="equal cases / cases",
                filter=entry.set,
                reason="" if total else "the set has no cases",
            )
        )
    return PartResult(samples, metrics)
