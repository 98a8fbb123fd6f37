# /// script
# dependencies = ["nox>=2026.1"]
# ///
"""Everything that is checked, each in an environment of its own: ``nox -l`` lists it."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import nox

nox.needs_version = ">=2026.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
nox.options.sessions = ["lint", "types", "tests", "property", "wheel"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
LM_EVAL = "lm-eval==0.4.13"
"""The harness for which the task files were written; an environment of its own, never a dependency."""


@dataclass(frozen=True)
class Backend:
    """One tokenizer under test, in an environment and a process of its own.

    Attributes:
        spec: The tokenizer.
        reference: Another engine on the same vocabulary, or None.
        install: Requirements beside the project; they win over its own lower bounds.
        env: Environment of the run.
        must_fail: Law that has to fail: a positive control.
    """

    spec: str
    reference: str | None = None
    install: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({"TOKENIZERS_PARALLELISM": "false"}))
    must_fail: str | None = None


# Engines are kept apart because libraries that share a process can slow each other down or share state.
BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "bytes": Backend("bytes"),
        "hf-tiny": Backend("hf:@tiny.json", reference="tiktoken:@tiny.tiktoken?pattern=gpt2"),
        "hf-wordpiece": Backend("hf:@tiny-wordpiece.json"),
        "tiktoken-tiny": Backend("tiktoken:@tiny.tiktoken?pattern=gpt2", reference="hf:@tiny.json"),
        "sentencepiece-tiny": Backend("sentencepiece:@tiny.model"),
        "sentencepiece-unigram": Backend("sentencepiece:@tiny-unigram.model"),
        "mistral-v1": Backend("mistral:v1", install=(".[mistral]",)),
        "mistral-v3": Backend("mistral:v3", reference="mistral:v2", install=(".[mistral]",)),
        "mistral-tekken": Backend("mistral:tekken_240911", reference="mistral:tekken_240718", install=(".[mistral]",)),
        # 0.12.0 merges one long pre-token in quadratic time: the growth law must see it (openai/tiktoken#195)
        "tiktoken-0.12": Backend(
            "tiktoken:@tiny.tiktoken?pattern=gpt2", install=("tiktoken==0.12.0",), must_fail="growth"
        ),
    }
)


def _install(session: nox.Session, *groups: str, extra: tuple[str, ...] = ()) -> None:
    requirements = nox.project.dependency_groups(PROJECT, *groups) if groups else ()
    # the group "test" names the project itself with its extra: that is the checkout, never a published one
    own = [requirement for requirement in requirements if requirement.startswith("tokbench")]
    others = [requirement for requirement in requirements if requirement not in own]
    target = own[0].replace("tokbench", ".", 1) if own else "."
    session.install(*([] if target in extra else ["-e", target]), *others, *extra)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Unit tests; arguments go to pytest."""
    _install(session, "test")
    session.run("pytest", "-m", "not property and not wheel", *session.posargs)


@nox.session(name="property")
def property_tests(session: nox.Session) -> None:
    """Property tests at CI depth; ``-- --hypothesis-seed=N`` repeats them with another seed."""
    _install(session, "test")
    session.run("pytest", "-m", "property", *session.posargs, env={"CI": "1"})


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, and the contract that imports go downwards only."""
    _install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy --strict over code, tests, fixtures and this file."""
    _install(session, "types")
    session.run("mypy")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel and use it from an empty folder, as a stranger would."""
    _install(session, "test")
    session.run("pytest", "-m", "wheel", *session.posargs)


@nox.session
def plugin(session: nox.Session) -> None:
    """The pytest plugin: its tests, then the wheel in a project of somebody else, with and without xdist."""
    _install(session, "test")
    session.run("pytest", "tests/plugin", *session.posargs)


@nox.session
@nox.parametrize("backend", list(BACKENDS), ids=list(BACKENDS))
def suite(session: nox.Session, backend: str) -> None:
    """Laws, parity, audit and growth of one tokenizer; ``-- --profile full`` goes deeper."""
    parser = argparse.ArgumentParser(prog="nox -s suite --")
    parser.add_argument("--profile", choices=("smoke", "core", "full"), default="core")
    profile = parser.parse_args(session.posargs).profile
    entry = BACKENDS[backend]
    if any(requirement.startswith(".[") for requirement in entry.install):
        session.install(*entry.install)
    else:
        session.install(".", *entry.install)
    command = ["tokbench", "check", entry.spec, "--profile", profile]
    if entry.must_fail is not None:
        # exit status 1 is "a law fails"; any other status, success included, fails this control
        session.run(*command, "--laws", entry.must_fail, "--growth", env=dict(entry.env), success_codes=[1])
        return
    if entry.reference is not None:
        command += ["--reference", entry.reference, "--by-bytes"]
    session.run(*command, "--growth", env=dict(entry.env))


def _alone(session: nox.Session, backend: str, suite: str, *options: str) -> None:
    """A suite over one tokenizer, in an environment of its own."""
    entry = BACKENDS[backend]
    session.install(*(entry.install if any(name.startswith(".[") for name in entry.install) else (".", *entry.install)))
    with tempfile.TemporaryDirectory() as folder:
        command = ["tokbench", "run", suite, "--tokenizer", entry.spec, "--out", folder, *options, *session.posargs]
        session.run(*command, env=dict(entry.env))


@nox.session
@nox.parametrize("backend", list(BACKENDS), ids=list(BACKENDS))
def charbench(session: nox.Session, backend: str) -> None:
    """How one tokenizer cuts the words of charbench; ``-- --model SPEC`` asks a model instead."""
    _alone(session, backend, "charbench", *([] if "--model" in session.posargs else ["--items-only"]))


@nox.session
@nox.parametrize("backend", list(BACKENDS), ids=list(BACKENDS))
def arithmetic(session: nox.Session, backend: str) -> None:
    """How one tokenizer cuts numbers; ``-- --model SPEC`` asks a model as well."""
    _alone(session, backend, "arithmetic")


@nox.session
@nox.parametrize("backend", list(BACKENDS), ids=list(BACKENDS))
def phantom(session: nox.Session, backend: str) -> None:
    """Where phantom edits can come from in one tokenizer; ``-- --model SPEC`` asks a model as well."""
    _alone(session, backend, "phantom")


@nox.session
def vectors(session: nox.Session) -> None:
    """Third-party expected ids, where TOKBENCH_DATA or the folder beside the checkout has them."""
    _install(session, "test")
    session.run("pytest", "-m", "data", "-rs", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Benchmarks: ratios against other programs in one run."""
    _install(session, "bench")
    session.run("pytest", "--override-ini=addopts=--import-mode=importlib", "tests/benchmarks", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site of documentation, strictly, and run every command that it shows."""
    _install(session, "test", "docs")
    session.run("mkdocs", "build", "--strict", "--site-dir", os.fspath(Path(session.create_tmp()) / "site"))
    session.run("pytest", "tests/test_docs.py", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """The leaderboard in headless Chromium (Debian: chromium and chromium-driver)."""
    _install(session, "test")
    session.run("pytest", "tests/browser", "-rs", *session.posargs)


@nox.session(name="inspect")
def inspect_ai(session: nox.Session) -> None:
    """The suites as tasks of inspect_ai, offline, and its logs read back."""
    session.install("-e", ".[inspect,pytest]", "pytest-xdist")
    session.run("pytest", "tests/integrations/test_bridge.py", "tests/integrations/test_inspect.py", *session.posargs)


@nox.session
def lm_eval(session: nox.Session) -> None:
    """The task files in lm-eval, offline, and its samples read back."""
    try:
        session.install("-e", ".[pytest]", "pytest-xdist", LM_EVAL)
    except nox.command.CommandFailed:
        session.skip(f"{LM_EVAL} cannot be installed here: three of its requirements are source distributions")
    tests = [f"tests/integrations/test_lm_eval{name}.py" for name in ("", "_files", "_harness")]
    session.run("pytest", *tests, *session.posargs, env={"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"})


_KEPT = ("README.md", "fixtures")  # of reports/, what no run makes
_LARGE = shutil.ignore_patterns("leaderboard.*", "responses")


@nox.session
def leaderboard(session: nox.Session) -> None:
    """Make ``reports/`` from nothing: the default runs of tokenizers and of the n-gram models, and one leaderboard."""
    session.install("-e", ".[mistral,report]")  # from the checkout itself, so that the record names its revision
    target = Path("reports")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        for suite in ("exactness", "arithmetic", "phantom"):
            session.run("tokbench", "run", suite, "--profile", "core", "--out", os.fspath(made / suite))
        toys = ("--model", "ngram:tiny", "--model", "ngram:tiny-sp")
        session.run("tokbench", "run", "exactness", *toys, "--profile", "core", "--out", os.fspath(made / "bytes"))
        for old in target.iterdir():
            if old.name not in _KEPT:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        shutil.copytree(made, target, ignore=_LARGE, dirs_exist_ok=True)
    # CSV and JSON say the same and are large: tokbench report reports --format csv
    formats = ("--format", "html", "--format", "markdown", "--format", "parquet")
    session.run(
        "tokbench", "report", *(os.fspath(path) for path in sorted(target.iterdir()) if path.name not in _KEPT),
        "--out", os.fspath(target), *formats, "--title", "Tokenizers that come with tokbench and mistral-common",
    )  # fmt: skip


if __name__ == "__main__":
    nox.main()
