"""Every command of ``tokbench bytes``: what a program gets, what fits a terminal, when it fails."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tokbench.bytelevel import ByteModel
from tokbench.cli import main

MODEL = ("-m", "ngram:tiny")
OTHER = ("-m", "ngram:tiny-sp")
HOLE = b"The engineer works.\n"

SETTINGS = {"reading", "renormalise", "renormalise_scores", "approximate", "eps", "positions_per_byte",
            "max_positions", "utf8_only", "model", "toy", "tokenizer", "numpy"}  # fmt: skip
"""What every result names (bytelevel specification 4.8)."""

COMPLETION = {"data", "text", "finish_reason", "logprob", "log_allowed", "forwards", "positions", "proposed", "used"}

COMMANDS: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "next": (
        ("The toke", *MODEL, "--naive", "--top", "5"),
        SETTINGS | {"prompt", "symbols", "leak", "masked", "undecided", "unexpanded", "log_weight", "positions",
                    "forwards", "exact", "naive_total_variation"},
    ),
    "score": (
        ("hole.txt", *MODEL, "--given-bytes", "4", "--window", "64", "--end"),
        SETTINGS | {"bytes", "ended", "given_bytes", "window", "logprob", "lower", "upper", "bits", "bits_per_byte",
                    "positions", "forwards", "exact", "undecided", "impossible_at"},
    ),
    "generate": (("The toke", *MODEL, "--max-bytes", "12", "-n", "2"), SETTINGS | {"prompt", "completions"}),
    "sample": (("The toke", *MODEL, "--max-bytes", "12", "-n", "2"), SETTINGS | {"prompt", "completions"}),
    "ensemble": (
        ("The toke", *MODEL, *OTHER, "--top", "5", "--max-bytes", "6"),
        {"prompt", "join", "weights", "members", "dropped", "symbols", "completions", "positions", "forwards", "exact"},
    ),
    "infill": (("hole.txt", *MODEL, "--at", "9:18"), SETTINGS | {"layout", "gold", "rows"}),
}  # fmt: skip


@dataclass(frozen=True)
class Done:
    """What a command left."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401, whatever a command prints
        assert self.status == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls ``tokbench bytes`` in a folder that holds ``hole.txt``, in this process."""
    (tmp_path / "hole.txt").write_bytes(HOLE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TOKBENCH_OFFLINE", "1")

    def call(*arguments: str, width: int = 100, stdin: bytes = b"") -> Done:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "argv", ["tokbench", "bytes", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        found = capsys.readouterr()
        return Done(status, found.out, found.err)

    return call


# ---------------------------------------------------------------------- for programs


@pytest.mark.parametrize("command", COMMANDS)
def test_results_for_programs_have_the_documented_fields(run: Run, command: str) -> None:
    arguments, fields = COMMANDS[command]
    found = run(command, *arguments, "--json").json
    assert fields <= found.keys()
    json.dumps(found, allow_nan=False)  # a program of another language reads it
    settings = found["members"] if command == "ensemble" else [found]
    assert all(entry.keys() >= SETTINGS and entry["toy"] is True for entry in settings)


@pytest.mark.parametrize("command", ["next", "ensemble"])
def test_symbols_for_programs(run: Run, command: str) -> None:
    found = run(command, *COMMANDS[command][0], "--json").json
    assert len(found["symbols"]) == 5
    assert bytes.fromhex(found["prompt"]) == b"The toke"
    for entry in found["symbols"]:
        assert {"symbol", "name", "probability", "lower", "upper"} <= entry.keys()
        assert 0 <= entry["lower"] <= entry["probability"] <= entry["upper"] <= 1
        assert 0 <= entry["symbol"] < 258
    if command == "ensemble":
        assert all(len(entry["members"]) == 2 for entry in found["symbols"])
        assert sum(found["weights"]) == pytest.approx(1)
        assert len(found["dropped"]) == 2


@pytest.mark.parametrize("command", ["generate", "sample", "ensemble"])
def test_drawn_text_for_programs(run: Run, command: str) -> None:
    drawn = run(command, *COMMANDS[command][0], "--json").json["completions"]
    assert len(drawn) == (1 if command == "ensemble" else 2)
    for entry in drawn:
        assert entry.keys() == COMPLETION
        assert entry["text"] == bytes.fromhex(entry["data"]).decode("utf-8", "replace")


def test_rows_for_programs(run: Run) -> None:
    found = run("infill", *COMMANDS["infill"][0], "--json").json
    assert bytes.fromhex(found["gold"]) == b"eer works"
    assert [row["row"] for row in found["rows"]] == ["naive", "healing", "exact"]
    for row in found["rows"]:
        assert bytes.fromhex(row["output"]).decode() == row["text"]
        assert {"finish_reason", "exact_match", "gold_bits", "forwards", "positions"} <= row.keys()


def test_an_empty_file_has_no_rate(run: Run) -> None:
    found = run("score", "-", *MODEL, "--json", stdin=b"").json
    assert (found["bytes"], found["logprob"], found["bits_per_byte"]) == (0, 0, None)


# ---------------------------------------------------------------------- for people


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_shown_fits_the_terminal(run: Run, command: str, width: int) -> None:
    done = run(command, *COMMANDS[command][0], width=width)
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= width
    assert "toy" in done.out  # what it is worth is said every time
    assert "Traceback" not in done.out + done.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_option(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.status == 0
    assert max(map(len, done.out.splitlines())) <= 100
    for option in ("--model", "--json", *(("--at", "--layout", "--rows") if command == "infill" else ("--reading",))):
        assert option in done.out
    own = {"next": ["--naive", "--top", "--hex", "--escapes", "--strict", "--utf8-only"],
           "score": ["--per-byte", "--window", "--given-bytes", "--end", "--strict"],
           "generate": ["--top-p", "--temperature", "--stop", "--seed", "--regex", "--choice"],
           "sample": ["--seed", "--max-bytes"], "ensemble": ["--join", "--weights"],
           "infill": ["--k", "--stop"]}  # fmt: skip
    assert all(option in done.out for option in own[command])


def test_the_commands_are_listed(run: Run) -> None:
    done = run("--help")
    assert done.status == 0
    assert all(command in done.out for command in COMMANDS)


def test_symbols_of_which_nothing_is_known_are_one_line(run: Run) -> None:
    rough = ("next", "The toke", *MODEL, "--reading", "all")
    shown = run(*rough).out
    assert shown.count("0x0") == 0
    assert "symbols with 0 % so far: each proved to have at most 0.0" in shown
    found = run(*rough, "--json", "--top", "258").json["symbols"]
    waiting = [entry for entry in found if entry["probability"] == 0]
    assert f"{len(waiting)} symbols with 0 %" in shown
    assert "so far" not in run("next", "The toke", *MODEL).out
    assert "symbols with 0 %" in run(*rough, "--naive", "--top", "3").out


def test_members_are_numbered_with_their_weights(run: Run) -> None:
    shown = run("ensemble", "The toke", *MODEL, *OTHER, "--weights", "3,1", "--top", "2").out
    assert "1 ngram:tiny × 0.75 · 2 ngram:tiny-sp × 0.25" in shown


def test_a_mixture_says_what_the_weights_became(run: Run) -> None:
    found = run("ensemble", "The toke", *MODEL, *OTHER, "--join", "mixture", "--json").json
    members = [ByteModel.load(spec).logprob("The toke").value for spec in ("ngram:tiny", "ngram:tiny-sp")]
    assert (found["weights"][0] > 0.5) == (members[0] > members[1])


def test_infill_tells_apart_what_is_right(run: Run) -> None:
    shown = run("infill", "-", *MODEL, "--at", "8:12", "--max-bytes", "4", stdin=b"The engineer").out
    row = next(line for line in shown.splitlines() if line.startswith("exact"))
    assert row.split()[1:3] == ["neer", "yes"]
    shown = run("infill", "hole.txt", *MODEL, "--at", "9:18", "--rows", "exact", "--max-bytes", "3").out
    assert "naive" not in shown
    assert "bits: of what was there" in shown


# ---------------------------------------------------------------------- input


def test_prompts_and_files_come_from_standard_input(run: Run) -> None:
    for command in ("next", "generate", "sample", "ensemble"):
        arguments = [argument if argument != "The toke" else "-" for argument in COMMANDS[command][0]]
        piped = run(command, *arguments, "--json", stdin=b"The toke").json
        assert piped == run(command, *COMMANDS[command][0], "--json").json
    for command in ("score", "infill"):
        piped = run(command, "-", *COMMANDS[command][0][1:], "--json", stdin=HOLE).json
        assert piped == run(command, *COMMANDS[command][0], "--json").json


@pytest.mark.parametrize("command", ["next", "generate", "sample", "ensemble"])
def test_prompts_are_written_in_hexadecimal_or_with_escapes(run: Run, command: str) -> None:
    arguments = COMMANDS[command][0][1:]
    for spelled, option in (("636166c3", "--hex"), (r"caf\xC3", "--escapes")):
        assert run(command, spelled, *arguments, option, "--json").json["prompt"] == b"caf\xc3".hex()
    assert run(command, "abc", "--hex", *MODEL).status == 2


# ---------------------------------------------------------------------- failures


STRICT = [
    ("next", "The toke", *MODEL, "--reading", "all", "--eps", "1e-9", "--max-positions", "2"),
    ("score", "hole.txt", *MODEL, "--reading", "all", "--max-positions", "2"),
    ("score", "hole.txt", *MODEL, "--reading", "all", "--positions-per-byte", "1", "--eps", "1e-6"),
]


@pytest.mark.parametrize("arguments", STRICT)
def test_strict_fails_where_the_budget_ends_first(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments, "--strict")
    assert (done.status, done.out) == (3, "")
    (line,) = done.err.splitlines()
    assert line.startswith("tokbench: ")
    assert "raise the budget" in line
    assert run(*arguments, "--json").json["exact"] is False  # without it the wide interval is the answer


BAD = [
    (("ensemble", "a", *MODEL, *OTHER, "--weights", "1,-1"), ("weights", "at least 0")),
    (("ensemble", "a", *MODEL, *OTHER, "--weights", "0,0"), ("weights", "above 0")),
    (("ensemble", "a", *MODEL, *OTHER, "--weights", "1,2,3"), ("2 finite numbers",)),
    (("ensemble", "a", "-m", "scripted:hash", *MODEL), ("tokenizer",)),  # too few of them
    (("ensemble", "a", *MODEL, "-m", "bytes"), ("'bytes'", "backend:locator")),
    (("infill", "hole.txt", *MODEL, "--at", "18:9"), ("FROM:TO", "20")),
    (("infill", "hole.txt", *MODEL, "--at", "-1:3"), ("FROM:TO",)),
    (("infill", "hole.txt", *MODEL, "--at", "0:3", "--family", "nobody", "--layout", "psm"), ("nobody", "starcoder")),
    (("infill", "hole.txt", *MODEL, "--at", "0:3", "--layout", "psm"), ("<fim_prefix>",)),
    (("infill", "hole.txt", *MODEL, "--at", "0:3", "--max-bytes", "0"), ("max_bytes",)),
    (("generate", "a", *MODEL, "--regex", "a**"), ("regular expression", "one quantifier")),
    (("generate", "a", *MODEL, "--regex", r"\d+$"), ("regular expression", "anchors")),
    (("generate", "a", *MODEL, "--regex", r"[^\s\S]"), ("one that some text matches",)),
    (("next", "a", *MODEL, "--eps", "nan"), ("eps",)),
    (("next", "a", *MODEL, "--renormalise", "token", "--reading", "all", "--positions-per-byte", "0"), ("at least 1",)),
    (("score", "nothing.txt", *MODEL), ("nothing.txt", "cannot be read")),
    (("score", "hole.txt", "-m", "ngram:hole.txt"), ("hole.txt",)),
]


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_what_is_wrong_is_said_in_one_line(run: Run, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.status, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith("tokbench: ")
    for word in words:
        assert word in line
