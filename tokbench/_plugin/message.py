"""Failure messages that one can act on: what differs, where, of what kind, and a line to paste.

Nothing in a message can do more than be read: text is shown by ``ascii()``, and lists are cut to a window around
the first difference, so that a message has at most :data:`MAX_LINES` lines.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from tokbench.errors import TokbenchError
from tokbench.laws import LAWS, Counterexample, Verdict
from tokbench.tokenizers import Tokenizer

__all__ = ["MAX_LINES", "difference_of", "first_difference", "ids_block", "law_failure", "pieces_of", "shorten"]

MAX_LINES = 40
_WINDOW = 4
_PIECE = 40
_LINE = 160
_LINKS = 6
_LABEL = 12


def shorten(text: str, size: int = _LINE) -> str:
    """``text`` with its middle left out where it is longer than ``size``."""
    half = (size - 5) // 2
    return text if len(text) <= size else f"{text[:half]} ... {text[-half:]}"


def first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    """Index of the first member that differs; the length of the shorter one if that is all of it."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def pieces_of(tokenizer: Tokenizer, ids: Iterable[int]) -> list[bytes | str]:
    """The bytes of each id; for one without bytes what it is, as ``<kind>``."""
    pieces: list[bytes | str] = []
    for token_id in ids:
        try:
            pieces.append(tokenizer.token_bytes(token_id))
        except TokbenchError:
            try:
                pieces.append(f"<{tokenizer.kind(token_id)}>")
            except TokbenchError:
                pieces.append("<no such id>")
    return pieces


def _row(label: str, text: str) -> str:
    return f"    {label:{_LABEL}}{text}"


def _shown(member: object) -> str:
    if isinstance(member, str):  # what stands for an id without bytes
        return member
    return shorten(ascii(member), _PIECE)


def _windowed(members: Sequence[object], index: int) -> tuple[str, int, int]:
    """Members around ``index`` as one line, with the column and the width of the one at ``index``."""
    start = max(index - _WINDOW, 0)
    stop = min(index + _WINDOW + 1, len(members))
    line = f"({start} before) " if start else ""
    column = width = 0
    for position in range(start, stop):
        text = _shown(members[position])
        if position == index:
            column, width = len(line), len(text)
        line += text + " "
    if index >= len(members):
        column, width = len(line), 0
    return line + (f"({len(members) - stop} more)" if stop < len(members) else ""), column, width


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _without_spaces(text: str) -> str:
    return "".join(character for character in text if not character.isspace() and character != "\u2581")


def _without_controls(text: str) -> str:
    spaceless = _without_spaces(text)
    return "".join(character for character in spaceless if unicodedata.category(character) not in {"Cc", "Cf"})


def difference_of(expected: bytes | str, got: bytes | str) -> str:
    """The class of a difference between two texts, by the weakest change that explains it."""
    one, other = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in (expected, got))
    if expected == got:
        return "none"
    if one != other and _without_spaces(one) == _without_spaces(other):
        return "white space"
    if one != other and _without_controls(one) == _without_controls(other):
        return "control or format characters"
    if unicodedata.normalize("NFKC", one) == unicodedata.normalize("NFKC", other):
        return "normalisation form"
    if _folded(one) == _folded(other):
        return "accents"
    if _folded(one).casefold() == _folded(other).casefold():
        return "case"
    if "\ufffd" in other and "\ufffd" not in one:
        return "bytes that are not UTF-8"
    if len(other) < len(one) and _is_part(other, one):
        return "lost characters"
    if len(other) > len(one) and _is_part(one, other):
        return "added characters"
    return "other characters"


def _is_part(part: str, whole: str) -> bool:
    rest = iter(whole)
    return all(character in rest for character in part)


def _joined(pieces: Sequence[bytes | str | None]) -> bytes:
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


def _class_of_ids(expected: Sequence[bytes | str | None], got: Sequence[bytes | str | None]) -> str:
    marks = [sum(not isinstance(piece, bytes) for piece in pieces) for pieces in (expected, got)]
    if marks[0] != marks[1]:
        return "tokens without bytes (special, control or unknown)"
    one, other = _joined(expected), _joined(got)
    if one != other:
        return difference_of(one, other)
    return "other ids of the same bytes" if list(expected) == list(got) else "the same bytes, cut elsewhere"


def ids_block(
    names: tuple[str, str],
    ids: tuple[Sequence[int], Sequence[int]],
    pieces: tuple[Sequence[bytes | str | None], Sequence[bytes | str | None]],
    *,
    cause: str = "",
) -> list[str]:
    """Lines on two sequences of ids: both, their bytes, a marker under the first that differs, the class.

    Args:
        names: What to call the two, for example ``("expected", "got")``.
        ids: The sequences.
        pieces: What each id stands for: bytes, or text (or None) for an id without bytes.
        cause: Class of the difference, where it is known better than from the two sequences.
    """
    index = first_difference(*ids)
    same = list(ids[0]) == list(ids[1])
    if same:  # then the bytes tell, if anything does
        index = first_difference(*pieces)
    lines = [
        _row(name, f"{_windowed([str(token) for token in side], index)[0]}".rstrip() or "(no ids)")
        for name, side in zip(names, ids, strict=True)
    ]
    column = width = 0
    for name, side in zip(names, pieces, strict=True):
        text, column, width = _windowed(["<no bytes>" if piece is None else piece for piece in side], index)
        lines.append(_row(name, text.rstrip() or "(no tokens)"))
    if same and list(pieces[0]) == list(pieces[1]):
        return lines
    lines.append(" " * (4 + _LABEL + column) + "~" * max(width - 1, 0) + "^")
    offset = len(_joined(pieces[1][:index]))
    lines.append(_row("differs", f"at index {index}, byte {offset}: {cause or _class_of_ids(*pieces)}"))
    return lines


def _encoded(tokenizer: Tokenizer, value: object) -> list[int] | None:
    """Ids of a text or of bytes, where the engine gives any."""
    try:
        if isinstance(value, str):
            return tokenizer.encode(value)
        if isinstance(value, bytes):
            return tokenizer.encode_bytes(value)
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException:  # noqa: BLE001, whatever the engine does here, the failure itself is to be told
        return None
    return None


def _are_ids(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(type(member) is int for member in value)


def _texts(tokenizer: Tokenizer, expected: str | bytes, got: str | bytes) -> list[str]:
    """Lines on two texts, with the ids of both where the engine gives any."""
    index = first_difference(expected, got)
    start = max(index - 20, 0)
    lines, before = [], 0
    for name, value in (("expected", expected), ("got", got)):
        shown = ascii(value[start : index + 40])
        before = len(ascii(value[start:index])) - 1  # the quote that closes
        lines.append(_row(name, ("... " if start else "") + shown + (" ..." if index + 40 < len(value) else "")))
    lines.append(" " * (4 + _LABEL + (4 if start else 0)) + "~" * before + "^")
    byte = len(got[:index].encode("utf-8", "surrogatepass")) if isinstance(got, str) else index
    lines.append(_row("differs", f"at index {index}, byte {byte}: {difference_of(expected, got)}"))
    ids = _encoded(tokenizer, expected), _encoded(tokenizer, got)
    if ids[0] is None or ids[1] is None:
        return lines
    pieces = pieces_of(tokenizer, ids[0]), pieces_of(tokenizer, ids[1])
    if ids[0] == ids[1]:
        both = shorten(" ".join(map(str, ids[0]))) or "none"
        shown = shorten(" ".join(map(_shown, pieces[0]))) or "none"
        return [*lines, _row("ids", f"{both} (of both)"), _row("bytes", shown)]
    return [*lines, *ids_block(("of expected", "of got"), (ids[0], ids[1]), pieces)]


def _sides(tokenizer: Tokenizer, found: Counterexample) -> list[str]:
    expected, got = found.expected, found.got
    if _are_ids(expected) and _are_ids(got):
        assert isinstance(expected, (list, tuple))
        assert isinstance(got, (list, tuple))
        pieces = pieces_of(tokenizer, expected), pieces_of(tokenizer, got)
        return ids_block(("expected", "got"), (expected, got), pieces)
    if (isinstance(expected, str) and isinstance(got, str)) or (isinstance(expected, bytes) and isinstance(got, bytes)):
        return _texts(tokenizer, expected, got)
    lines = []
    if found.ids is not None:
        lines.append(_row("ids", shorten(" ".join(map(str, found.ids)) or "(no ids)")))
        lines.append(_row("bytes", shorten(" ".join(map(_shown, pieces_of(tokenizer, found.ids))) or "(no tokens)")))
    if expected is not None or got is not None:
        lines += [_row("expected", shorten(ascii(expected))), _row("got", shorten(ascii(got)))]
    return lines


def law_failure(tokenizer: Tokenizer, name: str, verdict: Verdict, repeat: str) -> str:
    """The message of a law that fails.

    Args:
        tokenizer: The tokenizer under test.
        name: Its name in this run.
        verdict: The verdict.
        repeat: Options that repeat it.
    """
    law, found = LAWS[verdict.law], verdict.counterexample
    if found is None:
        lines = [f"{law.id} fails on {name}: {shorten(ascii(verdict.reason)[1:-1], 300)}", _row("law", law.statement)]
    else:
        problem = found.problem.partition(": expected ")[0] if found.expected is not None else found.problem
        lines = [
            f"{law.id} fails on {name}: {shorten(ascii(problem)[1:-1], 300)}",
            _row("law", law.statement),
            _row("input", shorten(ascii(found.data), 300)),
            *_sides(tokenizer, found),
            _row("paste", shorten(found.paste, 2000)),
        ]
    lines.append(_row("repeat", repeat))
    lines += [_row("see", link) for link in law.reasons[:_LINKS]]
    if len(law.reasons) > _LINKS:
        lines.append(_row("", f"and {len(law.reasons) - _LINKS} more"))
    return "\n".join(lines[:MAX_LINES])
