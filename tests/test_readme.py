"""What the README shows of exact bytes: every command and every line of Python is run, and printed output compared."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

import tokbench
from tokbench.cli import main

README = Path(__file__).resolve().parent.parent / "README.md"
SECTION = README.read_text(encoding="utf-8").partition("\n## Exact bytes\n")[2].partition("\n## ")[0]
COMMANDS = re.findall(r"^    (?:\$ )?(tokbench .*?)(?: +#.*)?$", SECTION, re.MULTILINE)
SHOWN = re.findall(r"^    \$ (tokbench .*)\n((?:    .*\n|\n(?=    ))+)", SECTION, re.MULTILINE)
(PYTHON,) = re.findall(r"^```python\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)

WIDTH = 88
"""Columns of the terminal that the README shows."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the files that the examples name, and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.setenv("TOKBENCH_OFFLINE", "1")
    Path("book.txt").write_text("The engineer works. The tokenizer reads the text.\n" * 3)
    Path("code.py").write_text('def add(a, b):\n    """Sum of two numbers."""\n    return a + b\n\n\n' * 3)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))


def _run(command: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit status; the model of a folder that is not there is the one that the project ships."""
    words = shlex.split(command.replace("hf:./folder", "ngram:tiny"))
    if words[1] == "run":
        words += ["--profile", "smoke", "--out", "runs"]
    monkeypatch.setattr(sys, "argv", words)
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_the_section_has_its_examples() -> None:
    kinds = {" ".join(command.split()[1:3]) for command in COMMANDS}
    assert kinds == {
        *(f"bytes {name}" for name in ("next", "score", "generate", "ensemble", "infill")),
        "run exactness",
    }
    assert len(SHOWN) == 1
    assert len(PYTHON.splitlines()) >= 6


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status = _run(command, monkeypatch)
    out, err = capsys.readouterr()
    assert status == 0, err
    assert out.strip()


@pytest.mark.parametrize(("command", "wanted"), SHOWN)
def test_output_is_as_shown(
    command: str, wanted: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(command, monkeypatch) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.rstrip().splitlines()]
    assert lines == [line.removeprefix("    ").rstrip() for line in wanted.rstrip().splitlines()]


def test_python_runs_and_gives_what_it_says() -> None:
    names: dict[str, object] = {"tokbench": tokbench}
    values: list[Any] = []
    for line in PYTHON.splitlines():
        statement = line.partition("  #")[0]
        if re.match(r"\w+ = ", statement):
            exec(statement, names)  # noqa: S102, the README's own line
        else:
            values.append(eval(statement, names))  # noqa: S307, as above
    top, bits, choices, outputs, count = values
    assert next(symbol.name for symbol in top) == "'e'"
    assert isinstance(bits, float)
    assert 0 < bits < 8
    better, worse = choices
    assert better.value > worse.value
    (out,) = outputs
    assert re.fullmatch(rb"[a-z ]+[.]", out.data) or out.finish_reason == "length"
    (said,) = re.findall(r"# (\d+) segmentations", PYTHON)
    assert count == int(said)
