"""What several commands of the command line share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tokbench.errors import TextInputError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["EXIT_FAILED", "EXIT_INTERRUPTED", "EXIT_NOTHING", "EXIT_USAGE", "console", "text_argument"]

EXIT_FAILED, EXIT_USAGE, EXIT_NOTHING, EXIT_INTERRUPTED = 1, 2, 3, 130


def console(*, stderr: bool = False) -> Console:
    """A terminal without highlighting."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def text_argument(argument: str, *, escapes: bool) -> str:
    """Text of a command-line argument; ``-`` reads standard input."""
    if argument == "-":
        data = sys.stdin.buffer.read()
        try:
            argument = data.decode()
        except UnicodeDecodeError as error:
            raise TextInputError(
                "standard input", f"not UTF-8: byte 0x{data[error.start]:02X} at offset {error.start}; convert it first"
            ) from None
    bad = next((index for index, character in enumerate(argument) if "\udc80" <= character <= "\udcff"), None)
    if bad is not None:  # how Python hands over an argument that is not valid in the locale's encoding
        byte = ord(argument[bad]) - 0xDC00
        raise TextInputError(
            "TEXT", f"not UTF-8: byte 0x{byte:02X} at character {bad}; write it with --escapes, or pipe UTF-8 into -"
        )
    if escapes:
        try:
            return argument.encode("latin-1", "backslashreplace").decode("unicode_escape")
        except UnicodeDecodeError as error:
            raise TextInputError("TEXT", f"bad backslash escape: {error.reason} at {error.start}") from None
    return argument
