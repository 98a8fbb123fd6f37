"""Options, ini keys and environment of the plugin, and what happens to those that cannot be meant."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]
ROUND = ("--tokbench-suite=conformance", "--tokbench-laws=round-trip", "--tokbench-max-examples=5")
INI = "[pytest]\nfilterwarnings = error\naddopts = --strict-markers --strict-config\n"


def told(result: pytest.RunResult) -> str:
    """The one error of a run that did not begin."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR, result.stdout.str() + result.stderr.str()
    assert "Traceback" not in result.stderr.str()
    return result.stderr.str()


def test_without_an_option_nothing_is_collected(run: Run) -> None:
    result = run()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert not [line for line in result.outlines if line.startswith("tokbench")]


def test_a_repository_without_tests_of_its_own_exits_0(run: Run) -> None:
    result = run("bytes", *ROUND)
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["collected 1 item", "*bytes conformance 1 passed"])


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--tokbench-tokenizer=hf",), ("--tokbench-tokenizer hf", "expected hf: and path")),
        (("--tokbench-tokenizer=fh:x",), ("unknown tokenizer backend 'fh'", "hf")),
        (("--tokbench-tokenizer=hf:./none.json",), ("no such file: none.json", "tokenizer.json")),
        (("--tokbench-suite=conformance",), ("--tokbench-tokenizer SPEC", "tokbench_tokenizers")),
        (("--tokbench-tokenizer=bytes", "--tokbench-suite=parity"), ("--tokbench-reference SPEC",)),
        (("--tokbench-suite=conformity",), ("unknown suite 'conformity'", "did you mean conformance?")),
        (("--tokbench-laws=round-tripp",), ("unknown law 'round-tripp'", "did you mean round-trip", "id-space")),
        (("--tokbench-laws=qqqq",), ("unknown law 'qqqq'", "expected one of id-space")),
        (("--tokbench-max-examples=0",), ("--tokbench-max-examples: expected a whole number from 1, found '0'",)),
        (("--tokbench-seed=x",), ("--tokbench-seed: expected a whole number from 0, found 'x'",)),
        (("--tokbench-json=no/such/out.json",), ("--tokbench-json", "does not exist")),
        (("--tokbench-xfails=none.txt",), ("--tokbench-xfails", "none.txt cannot be read")),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(run: Run, options: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    message = told(run(None, *options))
    for part in wanted:
        assert part in message


def test_a_missing_library_names_the_extra_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokbench.tokenizers import registry

    monkeypatch.setattr(registry, "_missing", lambda library: library == "mistral_common")
    assert "pip install 'tokbench[mistral]'" in told(run("mistral:v1", *ROUND))


@pytest.mark.parametrize("line", ["tokbench::bytes::round-trip", "tokbench::bytes::round-trip # some day", "a b # x"])
def test_a_known_failure_needs_a_link(run: Run, stranger: pytest.Pytester, line: str) -> None:
    stranger.path.joinpath("known.txt").write_text(f"# known\n\n{line}\n", encoding="utf-8")
    message = told(run("bytes", *ROUND, "--tokbench-xfails=known.txt"))
    assert "known.txt: line 3" in message


def test_the_ini_file_says_the_same_as_options(run: Run, stranger: pytest.Pytester) -> None:
    stranger.path.joinpath("known.txt").write_text(
        "tokbench::toys-nfc-undeclared::round-trip # https://example.org/1 NFC\n", encoding="utf-8"
    )
    stranger.makeini(
        f"{INI}tokbench_tokenizers =\n  bytes\n  toys:nfc-undeclared\ntokbench_suites = conformance\n"
        "tokbench_laws = round-trip injection\ntokbench_derandomize = true\ntokbench_xfails = known.txt\n"
    )
    result = run(None, "--tokbench-max-examples=20")
    result.assert_outcomes(passed=3, xfailed=1)
    result.stdout.fnmatch_lines(["tokbench: *seed 0 (the same in every run)"])


def test_an_option_that_contradicts_the_ini_file_wins_visibly(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makeini(f"{INI}tokbench_tokenizers = hf:@tiny.json\ntokbench_laws = injection\n")
    result = run("bytes", *ROUND)
    result.stdout.fnmatch_lines(
        [
            "tokbench: note: --tokbench-tokenizer bytes overrides tokbench_tokenizers = hf:@tiny.json of the ini file",
            "tokbench: note: --tokbench-laws round-trip overrides tokbench_laws = injection of the ini file",
            "*bytes conformance 1 passed",
        ],
        consecutive=False,
    )


def test_single_tests_run_without_the_suites_of_the_ini_file(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makeini(f"{INI}tokbench_tokenizers = bytes\ntokbench_suites = conformance\ntokbench_laws = round-trip\n")
    stranger.makepyfile(test_own="def test_one():\n    pass\n")
    run(None, "test_own.py::test_one").assert_outcomes(passed=1)
    run(None, "test_own.py").assert_outcomes(passed=2)
    run(None, "--tokbench-suite=none").assert_outcomes(passed=1)


def test_the_environment_sets_examples_and_derandomize(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKBENCH_MAX_EXAMPLES", "7")
    monkeypatch.setenv("CI", "true")
    result = run("bytes", "--tokbench-suite=conformance", "--tokbench-laws=round-trip")
    result.stdout.fnmatch_lines(["tokbench: *, 7 examples per law, seed 0 (the same in every run)"])


def test_the_seed_of_the_header_repeats_a_run(run: Run, stranger: pytest.Pytester) -> None:
    seeds = []
    for number in range(2):
        run("bytes", *ROUND, f"--tokbench-json={number}.json")
        seeds.append(json.loads((stranger.path / f"{number}.json").read_text())["settings"]["seed"])
    assert seeds[0] != seeds[1]
    run("bytes", *ROUND, "--tokbench-json=again.json", f"--tokbench-seed={seeds[0]}")
    assert json.loads((stranger.path / "again.json").read_text())["settings"]["seed"] == seeds[0]


def test_the_header_names_file_hash_library_and_seed(run: Run) -> None:
    from tokbench import load_tokenizer

    info = load_tokenizer("hf:@tiny.json").info
    result = run("hf:@tiny.json", *ROUND, "--tokbench-seed=5")
    (version,) = (version for name, version in info.libraries if name == "tokenizers")
    result.stdout.fnmatch_lines(
        [f"tokbench: hf-tiny: tiny.json {info.files[0].sha256[:12]}; *tokenizers {version}; lossless", "*seed 5 (*"]
    )
