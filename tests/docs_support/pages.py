"""Pages of the documentation as what a reader does with them: files to write, commands to type, Python to run.

Fenced blocks that begin at the left margin are steps of their page, in order:

``console``
    Lines that begin with ``$`` are commands (one that ends in a backslash goes on in the next line), what follows is
    what they print: standard output, and standard error behind it where a command fails. ``...`` stands for anything.
    A command without output is run, too. A failure is shown by an ``echo $?`` behind it, or it is one of the page.
``python``
    Run in one namespace a page. A block ``{ .text .output }`` behind it is what it prints.
``title="NAME"``
    In any language: a file of this name.
``data-not-run="REASON"``
    Not run here, with the reason.
``data-needs="MODULE"``
    Run where the module can be imported.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "SHOWN", "Block", "Command", "PageError", "blocks", "commands", "matches", "run_page", "steps", "without_blocks",
]  # fmt: skip

COLUMNS = 88
"""Columns of the terminal that the pages show."""

SECONDS = 300
"""After so long a command hangs."""

SHOWN = {"text", "mermaid"}
"""Languages of blocks that only show something."""

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')


class PageError(AssertionError):
    """A page says something that is not so."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        page: The page, for messages.
        line: Where it begins.
        language: Its language.
        body: What stands in it.
        classes: Classes beside the language.
        attributes: Attributes.
    """

    page: str
    line: int
    language: str
    body: str
    classes: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Page and line."""
        return f"{self.page}:{self.line}"

    @property
    def title(self) -> str | None:
        """Name of the file that it is, or None."""
        return self.attributes.get("title")

    @property
    def not_run(self) -> str | None:
        """Why it is not run, or None."""
        return self.attributes.get("data-not-run")


@dataclass(frozen=True, slots=True)
class Command:
    """A command with what it prints; ``""`` where nothing is shown."""

    line: int
    text: str
    output: str


def blocks(page: str, markdown: str) -> list[Block]:
    """The fenced blocks of a page in their order."""
    found = []
    for match in _FENCE.finditer(markdown):
        info = match["info"].strip()
        attributes = dict(_ATTRIBUTE.findall(info))
        words = _ATTRIBUTE.sub("", info).strip("{} ").split()
        language, *others = [word.removeprefix(".") for word in words] or [""]
        line = markdown.count("\n", 0, match.start()) + 1
        found.append(Block(page, line, language, match["body"], frozenset(others), attributes))
    return found


def without_blocks(markdown: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", markdown)


def steps(page: str, markdown: str) -> list[Block]:
    """The blocks of a page that do something."""
    return [
        block for block in blocks(page, markdown)
        if block.not_run is None and (block.title is not None or block.language not in SHOWN)
    ]  # fmt: skip


def commands(block: Block) -> list[Command]:
    """The commands of a console block.

    Raises:
        PageError: If it holds something in front of the first one, or an output that says nothing.
    """
    found: list[Command] = []
    lines = block.body.splitlines()
    index = 0
    while index < len(lines):
        first = block.line + index + 1
        if not lines[index].startswith("$ "):
            raise PageError(f"{block.page}:{first}: expected a command behind '$ ', found {lines[index]!r}")
        text = lines[index][2:]
        while text.endswith("\\"):
            index += 1
            text += "\n" + lines[index]
        index += 1
        output = []
        while index < len(lines) and not lines[index].startswith("$ "):
            output.append(lines[index])
            index += 1
        shown = "\n".join(output).strip("\n")
        if shown and not shown.replace("...", "").strip():
            raise PageError(f"{block.page}:{first}: an output of '...' alone says nothing: leave it out")
        found.append(Command(first, text, shown))
    return found


def _lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()).rstrip()


def matches(wanted: str, found: str) -> bool:
    """Whether an output is the one that is shown.

    A line of ``...`` stands for any lines, or none; within a line it stands for anything. White space at the ends of
    lines does not count.
    """
    pattern = "".join(
        r"(?:.*?\n)??" if line == "..." else ".*?".join(map(re.escape, line.split("..."))) + r"\n"
        for line in _lines(wanted).splitlines()
    )
    return re.fullmatch(pattern, f"{_lines(found)}\n", re.DOTALL) is not None


# ---------------------------------------------------------------------- running


def environment(folder: Path) -> dict[str, str]:
    """What a reader's shell knows: the programs beside this Python first, no network, no colours."""
    hidden = ("PYTEST_", "TOKBENCH_", "COV_", "HYPOTHESIS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    for name in ("CI", "FORCE_COLOR", "PYTHONPATH", "OPENAI_API_KEY", "GITHUB_ACTIONS"):
        kept.pop(name, None)
    return kept | {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), kept.get("PATH", os.defpath))),
        "HOME": str(folder.parent),
        "COLUMNS": str(COLUMNS),
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TOKBENCH_OFFLINE": "1",
        "HF_HUB_OFFLINE": "1",
    }


def _differs(place: str, what: str, wanted: str, found: str) -> PageError:
    return PageError(f"{place}: {what}\n--- the page says\n{wanted}\n--- it printed\n{_lines(found)}")


@dataclass
class _Shell:
    """A reader's shell: the status of a command is there for the next one, which has to look at it if it is no 0."""

    folder: Path
    status: int = 0
    failed: str | None = None

    def run(self, page: str, command: Command) -> None:
        if "$?" not in command.text:
            self.leave()
        done = subprocess.run(
            ["bash", "-c", f"(exit {self.status})\n{command.text}"],
            cwd=self.folder, env=environment(self.folder), stdin=subprocess.DEVNULL, capture_output=True,
            encoding="utf-8", errors="replace", timeout=SECONDS, check=False,
        )  # fmt: skip
        self.status = done.returncode
        said = done.stdout if done.returncode == 0 else f"{done.stdout}{done.stderr}"
        place = f"{page}:{command.line}"
        if command.output and not matches(command.output, said):
            errors = "" if done.returncode else f"\n--- and as errors\n{done.stderr}"
            raise _differs(place, f"$ {command.text}", command.output, f"{said}{errors}")
        self.failed = f"{place}: {command.text!r} ended with {done.returncode}:\n{said}" if done.returncode else None

    def leave(self) -> None:
        if self.failed is not None:
            raise PageError(self.failed)


@contextlib.contextmanager
def _reader(folder: Path) -> Iterator[None]:
    """This process where a reader's Python is: in the folder, with its environment."""
    before = dict(os.environ)
    wanted = environment(folder)
    with contextlib.chdir(folder):
        for name in before.keys() - wanted.keys():
            if name.startswith("TOKBENCH_"):
                del os.environ[name]
        os.environ.update({name: wanted[name] for name in ("TOKBENCH_OFFLINE", "HF_HUB_OFFLINE", "PATH", "NO_COLOR")})
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def _write(block: Block, folder: Path) -> None:
    assert block.title is not None
    path = folder / block.title
    if not path.resolve().is_relative_to(folder.resolve()):
        raise PageError(f"{block.place}: {block.title} lies outside the folder of the page")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.body, encoding="utf-8")


def _python(block: Block, names: dict[str, object], folder: Path) -> str:
    printed = io.StringIO()
    code = compile("\n" * block.line + block.body, block.page, "exec")
    with _reader(folder), contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("default")  # those of libraries are no errors for a reader
        exec(code, names)  # noqa: S102, that is what a reader does
    return printed.getvalue()


def run_page(page: str, markdown: str, folder: Path) -> list[str]:
    """Do what a page says, in an empty folder.

    Args:
        page: Its name.
        markdown: The page.
        folder: Where it is done.

    Returns:
        The blocks that could not be run here, with reasons.

    Raises:
        PageError: If something fails, or prints something else than what is shown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shell, names = _Shell(folder), {"__name__": "__main__"}
    left_out: list[str] = []
    printed: str | None = None
    for block in blocks(page, markdown):
        if "output" in block.classes:
            if printed is None:
                raise PageError(f"{block.place}: an output without a block of Python in front of it")
            if not matches(block.body, printed):
                raise _differs(block.place, "the block in front of it", block.body, printed)
            printed = None
            continue
        printed = None
        needs = block.attributes.get("data-needs")
        if block.not_run is not None:
            left_out.append(f"{block.place}: {block.not_run}")
        elif block.title is not None:
            _write(block, folder)
        elif needs is not None and importlib.util.find_spec(needs) is None:
            left_out.append(f"{block.place}: needs {needs}")
        elif block.language == "console":
            for command in commands(block):
                shell.run(page, command)
            shell.leave()
        elif block.language == "python":
            printed = _python(block, names, folder)  # type: ignore[arg-type] # a dict of objects
        elif block.language not in SHOWN:
            raise PageError(f"{block.place}: {block.language or 'no language'}: neither run nor a file (title=)")
    return left_out
