"""The documentation: what its pages show is done and compared, its commands exist, and the site builds."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tokbench

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
MOST_NOT_RUN = 6
"""Blocks that need what no test has: a server, recordings of others, an environment to install into."""


def _module(path: Path, name: str) -> ModuleType:
    """A module that lies outside every package."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


pages = _module(ROOT / "tests/docs_support/pages.py", "tokbench_docs_pages")
hook = _module(DOCS / "_hooks/commands.py", "tokbench_docs_commands")


def _text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


# ---------------------------------------------------------------------- what the pages show


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if pages.steps(page, _text(page))])
def test_a_page_does_what_it_shows(page: str, tmp_path: Path) -> None:
    pages.run_page(page, _text(page), tmp_path / "work")


def test_few_blocks_are_not_run_and_each_says_why(record_property: Callable[[str, object], None]) -> None:
    left_out = [block for page in PAGES for block in pages.blocks(page, _text(page)) if block.not_run is not None]
    record_property("not run", [f"{block.place}: {block.not_run}" for block in left_out])
    assert all(len(block.not_run.split()) > 1 for block in left_out)
    assert len(left_out) <= MOST_NOT_RUN, "\n".join(block.place for block in left_out)


def test_no_command_hides_in_a_block_that_only_shows() -> None:
    for page in PAGES:
        for block in pages.blocks(page, _text(page)):
            if block.language in pages.SHOWN and block.title is None and "output" not in block.classes:
                assert not re.search(r"^(\$|tokbench|pip|pytest) ", block.body, re.MULTILINE), block.place
        # what is indented is code, too, and no test would see it
        prose = pages.without_blocks(_text(page))
        assert not re.search(r"^(?: {4}|\t)(?:\$|tokbench|pip|pytest) ", prose, re.MULTILINE), page


def _options(path: tuple[str, ...]) -> set[str]:
    import typer.main

    from tokbench.cli import app

    command: Any = typer.main.get_command(app)
    for word in path:
        command = command.commands[word]
    return {name for option in command.params for name in option.opts} | {"--help", "-h"}


def _spoken() -> Iterator[tuple[str, str]]:
    """Every command that a page names in its text, or shows and does not run."""
    for page in PAGES:
        for found in re.findall(r"`(tokbench [^`]+)`", pages.without_blocks(_text(page))):
            yield page, found
        for block in pages.blocks(page, _text(page)):
            if block.language == "console" and block.not_run is not None:
                for command in pages.commands(block):
                    yield block.place, command.text.replace("\\\n", " ")


def test_commands_in_the_text_exist_with_their_options() -> None:
    known = set(hook.paths())
    seen = 0
    for place, command in _spoken():
        words = shlex.split(command)
        if "tokbench" not in words[:1]:
            continue
        path: tuple[str, ...] = ()
        for word in words[1:]:
            if (*path, word) not in known:
                break
            path = (*path, word)
        assert path or len(words) == 1 or words[1].startswith("-"), f"{place}: {command}"
        missing = {word.partition("=")[0] for word in words if word.startswith("-")} - _options(path)
        assert not missing, f"{place}: {command}: {missing}"
        seen += 1
    assert seen >= len(PAGES) // 3, "the pages are full of commands"


# ---------------------------------------------------------------------- the test, tested


GOOD = """
```text title="words.txt"
one two
```

```console
$ cat words.txt
one two
$ printf 'a\\nb\\nc\\n'
a
...
c
$ false
$ echo $?
1
```

```python
kept = len("words")
```

```python
print(kept)
```

```{ .text .output }
5
```

```{ .console data-not-run="would not end" }
$ sleep infinity
```
"""


def test_a_good_page_passes_and_tells_what_was_left_out(tmp_path: Path) -> None:
    assert pages.run_page("good.md", GOOD, tmp_path) == ["good.md:30: would not end"]


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("cat words.txt\none two", "cat words.txt\none too", "cat words.txt"),
        ("one two\n```", "one three\n```", "cat words.txt"),
        ("...\nc", "...\nd", "printf"),
        ("\n5\n", "\n6\n", "the block in front of it"),
        ('len("words")', 'len("word")', "the block in front of it"),
        ("$ echo $?\n1", "$ true", "'false' ended with 1"),
        ("$ echo $?\n1\n", "", "'false' ended with 1"),
        ("echo $?\n1", "echo $?\n0", "echo $?"),
        ("a\n...\nc", "...", "says nothing"),
        ("$ cat words.txt", "cat words.txt", "expected a command"),
        ("```python\nprint", "```pyhton\nprint", "neither run nor a file"),
        ('title="words.txt"', 'title="../words.txt"', "outside"),
    ],
)
def test_a_wrong_page_fails(right: str, wrong: str, told: str, tmp_path: Path) -> None:
    assert right in GOOD
    with pytest.raises(pages.PageError) as caught:
        pages.run_page("wrong.md", GOOD.replace(right, wrong, 1), tmp_path / "work")
    assert told in str(caught.value)


def test_python_that_fails_is_an_error_of_its_line(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        pages.run_page("wrong.md", "Text.\n\n```python\nx = 1\nx / 0\n```\n", tmp_path)
    assert caught.traceback[-1].lineno + 1 == 5


def test_the_programs_of_a_page_are_those_beside_this_python(tmp_path: Path) -> None:
    wanted = Path(sys.executable).parent / "python"
    pages.run_page("where.md", f"```console\n$ command -v python\n{wanted}\n```\n", tmp_path)


@pytest.mark.parametrize(
    ("wanted", "found", "equal"),
    [
        ("a ... c", "a b c", True),
        ("a ... c", "a b\nb c", True),
        ("a...", "a", True),
        ("a\n...\nb", "a\nb", True),
        ("a\n...\nb", "a\nxb", False),
        ("a  ", "a", True),
        ("a", "a b", False),
        ("a+", "aa", False),
    ],
)
def test_dots_stand_for_anything_and_nothing_else_does(wanted: str, found: str, *, equal: bool) -> None:
    assert pages.matches(wanted, found) is equal


# ---------------------------------------------------------------------- the reference


def test_every_command_is_in_the_reference() -> None:
    filled = hook.fill(_text("reference/cli.md"))
    for path in hook.paths():
        words = " ".join(("tokbench", *path))
        assert f"\n## {words}\n" in filled
        assert f"Usage: {words} " in filled
    assert "--max-drop" in filled


def test_every_law_and_every_option_of_the_plugin_is_in_the_reference() -> None:
    import _tokbench_pytest as plugin
    from tokbench.laws import LAWS

    laws, options = hook.fill(_text("reference/api/laws.md")), hook.fill(_text("reference/pytest-plugin.md"))
    assert all(f"| `{law}` |" in laws for law in LAWS)
    assert all(f"`--tokbench-{name}" in options for name, *_ in (*plugin.OPTIONS, *plugin.FLAGS))
    assert all(f"`tokbench_{name}`" in options for name, *_ in plugin.INI)


def test_no_generated_part_is_misspelt() -> None:
    for page in PAGES:
        assert "<!-- generated" not in hook.fill(_text(page)), page


def _public() -> list[str]:
    """Public modules: those of the package, and the suites. Where a suite exports nothing, its entry counts."""
    top = [f"tokbench.{found.name}" for found in pkgutil.iter_modules(tokbench.__path__)]
    suites = [f"tokbench.suites.{found.name}" for found in pkgutil.iter_modules(
        importlib.import_module("tokbench.suites").__path__) if found.ispkg]  # fmt: skip
    told_elsewhere = {"tokbench.cli"}  # the command line has a page of its own
    names = [name for name in (*top, *suites) if not name.rpartition(".")[2].startswith("_")]
    return sorted({"tokbench", *names} - told_elsewhere)


def test_every_public_module_is_in_the_reference() -> None:
    shown = {name for page in PAGES for name in re.findall(r"^::: (\S+)$", _text(page), re.MULTILINE)}
    missing = [name for name in _public() if not any(one == name or one.startswith(f"{name}.suite") for one in shown)]
    assert not missing
    for name in shown:
        pkgutil.resolve_name(name)


# ---------------------------------------------------------------------- the site


def _navigation() -> list[str]:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    return re.findall(r"^ +- (?:.+: )?(\S+\.md)$", text.partition("\nnav:\n")[2], re.MULTILINE)


def test_the_navigation_names_every_page_once() -> None:
    assert sorted(_navigation()) == PAGES


def test_links_between_pages_lead_to_pages() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+\.md)", _text(page)):
            assert (DOCS / page).parent.joinpath(target).resolve().is_file(), f"{page}: {target}"


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    for needed in ("mkdocs", "material", "mkdocstrings", "mkdocstrings_handlers"):
        pytest.importorskip(needed, reason="the site needs the dependency group docs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for page in PAGES:
        html = (tmp_path / "site" / page).with_suffix(".html").read_text(encoding="utf-8")
        loads = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?([^\"'\s>]+)", html)
        loads += re.findall(r"<link[^>]*\shref=[\"']?([^\"'\s>]+)", html)
        outside = [url for url in loads if re.match(r"(?:[a-z]+:)?//", url)]
        assert not outside, page
        for name, how in re.findall(r"^::: (\S+)\n((?: {4}.*\n)*)", _text(page), re.MULTILINE):
            shown = pkgutil.resolve_name(name)
            for member in () if "members: []" in how else getattr(shown, "__all__", ()):
                # where a module of the package has its name, it stands under the name of that module
                assert re.search(rf'id="{name}\.(?:\w+\.)*{member}"', html), f"{page}: {name}.{member}"
