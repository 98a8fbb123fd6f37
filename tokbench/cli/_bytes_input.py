"""What the arguments of ``tokbench bytes`` mean: prompts, start contexts, constraints, models."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tokbench.errors import OptionError, TextInputError

if TYPE_CHECKING:
    from tokbench.bytelevel import ByteModel
    from tokbench.bytelevel.constraint import Constraint

__all__ = ["constraint_of", "load", "numbers", "prompt_bytes", "span", "start_context", "texts", "unescaped"]

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.|\Z)", re.DOTALL)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0", "\\": "\\", "'": "'", '"': '"'}


def _raw(argument: str) -> bytes:
    """UTF-8; bytes that Python could not read as such come through as they were."""
    return argument.encode("utf-8", "surrogateescape")


def unescaped(argument: str) -> bytes:
    r"""The bytes that an argument with escapes stands for: ``\xNN`` is a byte, ``\uNNNN`` a character.

    Raises:
        TextInputError: If an escape is unknown or cut off, or names a surrogate.
    """
    found = bytearray()
    last = 0
    for match in _ESCAPE.finditer(argument):
        found += _raw(argument[last : match.start()])
        last = match.end()
        name = match[1]
        if name in _SIMPLE:
            found += _SIMPLE[name].encode()
        elif len(name) > 1 and name[0] == "x":
            found.append(int(name[1:], 16))
        elif len(name) > 1:
            try:
                found += chr(int(name[1:], 16)).encode()
            except ValueError:
                raise TextInputError("TEXT", rf"\{name} is no character") from None
        else:
            raise TextInputError(
                "TEXT", rf"bad backslash escape \{name} at character {match.start()}: \n \t \r \\ \xNN \uNNNN are known"
            )
    return bytes(found + _raw(argument[last:]))


def texts(arguments: Sequence[str] | None) -> list[bytes]:
    """What repeated arguments with escapes stand for."""
    return [unescaped(argument) for argument in arguments or ()]


def prompt_bytes(argument: str, *, escapes: bool, as_hex: bool) -> bytes:
    """The bytes of a prompt; ``-`` reads standard input, any bytes.

    Raises:
        TextInputError: If it is not what the switches say.
    """
    if argument == "-":
        data = sys.stdin.buffer.read()
        if not (escapes or as_hex):
            return data
        argument = (data.strip() if as_hex else data).decode("utf-8", "surrogateescape")
    if as_hex:
        try:
            return bytes.fromhex(argument)
        except ValueError:
            raise TextInputError("PROMPT", f"{argument!r}: expected pairs of hexadecimal digits") from None
    return unescaped(argument) if escapes else _raw(argument)


def start_context(start: str | None) -> str | tuple[int, ...] | None:
    """Token ids, or text behind ``text:``.

    Raises:
        OptionError: If it is neither.
    """
    if start is None or start.startswith("text:"):
        return start if start is None else start.removeprefix("text:")
    try:
        return tuple(int(part) for part in start.split(","))
    except ValueError:
        raise OptionError("start", start, "token ids joined by commas, or text:... for text") from None


def load(
    model: str,
    tokenizer: str | None,
    reading: str,
    renormalise: str = "default",
    *,
    eps: float | None = None,
    per_byte: float | None = None,
    total: int | None = None,
    start: str | None = None,
    utf8_only: bool = False,
    strict: bool = False,
) -> ByteModel:
    """The byte model that the options of a command describe."""
    from tokbench.models import load_byte_model

    return load_byte_model(
        model, tokenizer, reading=reading, renormalise=renormalise, eps=eps, positions_per_byte=per_byte,
        max_positions=total, start=start_context(start), utf8_only=utf8_only, strict=strict,
    )  # fmt: skip


def constraint_of(regex: str | None, choices: Sequence[str] | None) -> Constraint | None:
    """What output is allowed: a regular expression, some texts, or both at once."""
    from tokbench.bytelevel.constraint import All, ByteRegex, Choices

    found: list[Constraint] = []
    if regex is not None:
        found.append(ByteRegex(regex))
    if choices:
        found.append(Choices(texts(choices)))
    return None if not found else found[0] if len(found) == 1 else All(*found)


def numbers(text: str | None) -> list[float] | None:
    """Weights joined by commas.

    Raises:
        OptionError: If they are no numbers.
    """
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise OptionError("weights", text, "numbers joined by commas") from None


def span(at: str, size: int) -> tuple[int, int]:
    """Offsets ``FROM:TO`` inside a file of ``size`` bytes.

    Raises:
        OptionError: If they are not inside.
    """
    left, colon, right = at.partition(":")
    if not (colon and left.isdecimal() and right.isdecimal() and int(left) <= int(right) <= size):
        raise OptionError("at", at, f"FROM:TO with 0 <= FROM <= TO <= {size}, the size of the file in bytes")
    return int(left), int(right)
