"""``tokbench bytes`` as a person uses it: every command, its numbers against the library, its refusals."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokbench
from tokbench.bytelevel import END, ByteModel
from tokbench.bytelevel.naive import naive_next

MODEL = ("--model", "ngram:tiny")
TINY = "hf:@tiny.json"
HASH = f"scripted:hash?tokenizer={TINY}"
PROMPT = "The engin"  # ends inside the token " engineer"
CODE = b"def add(a, b):\n    return a + b\n"


def run(
    *arguments: str | bytes, folder: Path, stdin: bytes = b"", width: int = 100
) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"NO_COLOR": "1", "COLUMNS": str(width), "TOKBENCH_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tokbench", "bytes", *arguments],
        cwd=folder, env=env, input=stdin, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


@dataclass(frozen=True)
class Shell:
    """Runs commands in one folder."""

    folder: Path

    def text(self, *arguments: str | bytes, stdin: bytes = b"", width: int = 100) -> str:
        done = run(*arguments, folder=self.folder, stdin=stdin, width=width)
        assert done.returncode == 0, done.stderr
        assert not done.stderr  # no progress where there is no terminal
        return done.stdout

    def json(self, *arguments: str | bytes, stdin: bytes = b"") -> Any:  # noqa: ANN401, whatever a command prints
        return json.loads(self.text(*arguments, "--json", stdin=stdin))


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def model() -> ByteModel:
    return ByteModel.load("ngram:tiny")


def widened(entry: dict[str, float]) -> bool:
    """Whether the bounds of an exact value leave 1e-12 for rounding on both sides, inside [0, 1]."""
    value = entry["probability"]
    wanted = max(0.0, value - 1e-12), min(1.0, value + 1e-12)
    return bool(np.allclose((entry["lower"], entry["upper"]), wanted, rtol=0, atol=1e-14))


# ---------------------------------------------------------------------- the package


def test_a_byte_model_is_one_call_behind_the_bare_import() -> None:
    code = (
        "import tokbench; print(tokbench.ByteModel.load('ngram:tiny').next_byte_logprobs('The engin').top(1)[0].name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "'e'\n"


def test_options_go_to_the_byte_model_or_to_the_model() -> None:
    found = ByteModel.load("scripted:hash", TINY, seed=3, reading="all", eps=0.25)
    assert (found.reading, found.eps) == ("all", 0.25)
    assert found.model.fingerprint == tokbench.load_model(f"{HASH}&seed=3").fingerprint
    assert found.model.fingerprint != tokbench.load_model(f"{HASH}&seed=4").fingerprint


# ---------------------------------------------------------------------- next


def test_next_agrees_with_the_library(shell: Shell, model: ByteModel) -> None:
    found = shell.json("next", PROMPT, *MODEL, "--naive", "--top", "258")
    exact, naive = model.next_byte_logprobs(PROMPT), naive_next(model, PROMPT)
    assert found["prompt"] == PROMPT.encode().hex()
    assert (found["reading"], found["renormalise"], found["toy"], found["exact"]) == ("canonical", "byte", True, True)
    assert {"leak", "undecided", "unexpanded", "masked", "positions", "forwards", "model", "tokenizer"} <= found.keys()
    by_number = {entry["symbol"]: entry for entry in found["symbols"]}
    for number, entry in by_number.items():
        assert math.isclose(entry["probability"], exact[number], rel_tol=1e-12)
        assert math.isclose(entry["naive"], math.exp(naive[number]), rel_tol=1e-12)
        assert widened(entry)
    assert by_number[END]["name"] == "END"
    distance = np.abs(exact.probabilities - np.exp(naive)).sum() / 2
    assert math.isclose(found["naive_total_variation"], distance, rel_tol=1e-9)
    assert distance > 0.9  # the prompt was chosen for it


@pytest.mark.parametrize("width", [60, 120])
def test_the_picture_fits_the_terminal(shell: Shell, width: int) -> None:
    shown = shell.text("next", PROMPT, *MODEL, "--naive", "--top", "5", width=width)
    lines = shown.splitlines()
    assert max(map(len, lines)) <= width
    assert "toy" in shown
    assert "canonical" in shown
    first = next(line for line in lines if line.startswith("'e'"))
    assert "99.99 %" in first  # no number is cut
    assert first.rstrip().endswith("2.45 %")
    assert first.count("█") >= 8
    assert "total variation 0.9754" in shown


def test_bars_go_before_numbers_do(shell: Shell) -> None:
    options = ("ensemble", PROMPT, *MODEL, "-m", "ngram:tiny-sp", "-m", HASH, "--top", "3")
    narrow, wide = (shell.text(*options, width=width) for width in (50, 120))
    assert "█" not in narrow
    assert "█" in wide
    for shown in (narrow, wide):
        row = next(line for line in shown.splitlines() if line.startswith("'e'"))
        assert row.count("%") == 4


def test_the_bars_are_in_proportion(shell: Shell) -> None:
    shown = shell.text("next", "The licen", *MODEL, "--top", "8", width=100)
    found = {entry["name"]: entry["probability"] for entry in shell.json("next", "The licen", *MODEL, "--top", "8")[
        "symbols"
    ]}  # fmt: skip
    lengths = {}
    for line in shown.splitlines():
        name = next((name for name in found if line.startswith(name)), None)
        if name is not None:
            lengths[name] = line.count("█")
    assert lengths.keys() == found.keys()
    largest = max(found.values())
    for name, length in lengths.items():
        assert abs(length - 24 * found[name] / largest) <= 1


def test_the_reading_all_has_proved_bounds(shell: Shell) -> None:
    budget = ("next", "The l", *MODEL, "--reading", "all", "--max-positions", "3")
    found = shell.json(*budget)
    assert not found["exact"]
    assert found["unexpanded"] > 0.1
    truth = ByteModel.load("ngram:tiny", reading="all", eps=0).next_byte_logprobs("The l")
    for entry in found["symbols"]:
        assert entry["lower"] <= truth[entry["symbol"]] <= entry["upper"]
    assert "proved bounds" in shell.text(*budget)
    done = run(*budget, "--strict", folder=shell.folder)
    assert done.returncode == 3
    assert "raise the budget" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_renormalise_none_leaves_the_leak_out(shell: Shell) -> None:
    found = shell.json("next", "caf", *MODEL, "--renormalise", "none", "--top", "258", "--naive")
    assert found["leak"] > 1e-6
    total = sum(entry["probability"] for entry in found["symbols"])
    assert math.isclose(total, 1 - found["leak"], rel_tol=1e-9)
    by_byte = shell.json("next", "caf", *MODEL, "--top", "1", "--naive")
    assert math.isclose(found["naive_total_variation"], by_byte["naive_total_variation"], rel_tol=1e-9)


def test_prompts_are_bytes_in_every_way_of_writing_them(shell: Shell) -> None:
    ways: list[tuple[tuple[str | bytes, ...], bytes]] = [
        ((b"caf\xc3",), b""),
        (("-",), b"caf\xc3"),
        (("636166c3", "--hex"), b""),
        (("-", "--hex"), b"63 61 66 c3\n"),
        ((r"caf\xC3", "--escapes"), b""),
        (("-", "--escapes"), rb"\x63af\xc3"),
    ]
    found = [shell.json("next", *arguments, *MODEL, "--naive", stdin=stdin) for arguments, stdin in ways]
    assert all(entry == found[0] for entry in found)
    assert found[0]["prompt"] == "636166c3"
    # this tokenizer takes text only: there is no naive value inside a character, and that is said
    assert found[0]["naive_total_variation"] is None
    assert "no naive column" in shell.text("next", "636166c3", "--hex", *MODEL, "--naive")
    masked = shell.json("next", "636166c3", "--hex", *MODEL, "--utf8-only", "--top", "258", "--reading", "all")
    # an upper bound is 0 where a byte is masked, up to the room that is left for rounding
    assert {entry["symbol"] for entry in masked["symbols"] if entry["upper"] > 1e-9} <= set(range(0x80, 0xC0))


def test_a_start_context_is_in_front(shell: Shell) -> None:
    tokenizer = tokbench.load_tokenizer(TINY)
    prompt = ("next", "a", *MODEL, "--top", "4")
    text = shell.json(*prompt, "--start", "text:Hello, ")
    ids = [*tokbench.load_model("ngram:tiny").start_ids, *tokenizer.encode("Hello, ")]
    assert shell.json(*prompt, "--start", ",".join(map(str, ids)))["symbols"] == text["symbols"]
    assert shell.json(*prompt)["symbols"] != text["symbols"]


# ---------------------------------------------------------------------- score


def test_score_agrees_with_the_library(shell: Shell, model: ByteModel) -> None:
    (shell.folder / "f.py").write_bytes(CODE)
    found = shell.json("score", "f.py", *MODEL, "--end")
    score = model.logprob(CODE, end=True)
    assert math.isclose(found["logprob"], score.value, rel_tol=1e-9)
    assert math.isclose(found["bits_per_byte"] * len(CODE), found["bits"], rel_tol=1e-12)
    assert found["lower"] < found["logprob"] < found["upper"] < found["lower"] + 1e-9
    assert found["ended"]
    assert found["exact"]
    assert found["positions"] < len(CODE)  # a whole text needs about a position a token
    shown = shell.text("score", "-", *MODEL, "--end", stdin=CODE)
    assert f"{found['bits_per_byte']:.6f}" in shown
    assert "toy" in shown
    assert "proved interval" in shown


def test_context_is_not_scored_and_the_cut_does_not_matter(shell: Shell) -> None:
    (shell.folder / "f.py").write_bytes(CODE)
    whole = shell.json("score", "f.py", *MODEL)["logprob"]
    for cut in (1, 6, 20):  # 6 is inside a token
        (shell.folder / "rest").write_bytes(CODE[cut:])
        front = shell.json("score", "-", *MODEL, stdin=CODE[:cut])["logprob"]
        behind = shell.json("score", "f.py", *MODEL, "--given-bytes", str(cut))
        assert math.isclose(front + behind["logprob"], whole, rel_tol=1e-9)
        given = CODE[:cut].decode().replace("\n", r"\n")
        assert math.isclose(
            shell.json("score", "rest", *MODEL, "--given", given)["logprob"], behind["logprob"], rel_tol=1e-9
        )
    nothing = shell.json("score", "f.py", *MODEL, "--given-bytes", "1000")
    assert (nothing["bytes"], nothing["bits"], nothing["bits_per_byte"]) == (0, 0.0, None)
    assert "no bytes" in shell.text("score", "f.py", *MODEL, "--given-bytes", "1000")


def test_every_byte_goes_into_a_table(shell: Shell, model: ByteModel) -> None:
    import polars as pl

    (shell.folder / "f.py").write_bytes(CODE)
    (shell.folder / "deep").mkdir()
    shell.text("score", "f.py", *MODEL, "--given-bytes", "4", "--end", "--per-byte", "deep/out.parquet")
    table = pl.read_parquet(shell.folder / "deep" / "out.parquet")
    assert table.columns == ["offset", "byte", "logprob", "cumulative"]
    assert table["offset"].to_list() == list(range(4, len(CODE) + 1))
    assert table["byte"].to_list() == [*CODE[4:], None]
    score = model.logprob(CODE[4:], given=CODE[:4], end=True)
    assert score.per_byte is not None
    np.testing.assert_allclose(table["logprob"], score.per_byte, rtol=1e-12)
    assert math.isclose(table["cumulative"][-1], score.value, rel_tol=1e-9)


def test_a_window_is_part_of_the_result(shell: Shell, model: ByteModel) -> None:
    found = shell.json("score", "-", *MODEL, "--window", "8", stdin=CODE)
    assert found["window"] == 8
    assert math.isclose(found["logprob"], model.logprob(CODE, window=8).value, rel_tol=1e-12)
    assert "at least 8 bytes" in shell.text("score", "-", *MODEL, "--window", "8", stdin=CODE)


def test_an_impossible_byte_is_named(shell: Shell) -> None:
    data = b"caf\xc3\xa9\xff def"
    found = shell.json("score", "-", *MODEL, stdin=data)
    assert (found["impossible_at"], found["logprob"], found["exact"]) == (5, None, True)
    assert "byte 0xFF at offset 5 has probability 0" in shell.text("score", "-", *MODEL, stdin=data)
    assert "at offset 5" in shell.text("score", "-", *MODEL, "--given-bytes", "2", stdin=data)
    unfinished = shell.text("score", "-", *MODEL, "--end", stdin=b"caf\xc3")
    assert "the end has probability 0" in unfinished
    everything = shell.json("score", "-", *MODEL, "--reading", "all", stdin=data)
    assert everything["impossible_at"] is None
    assert everything["bits"] > 20


def test_a_certified_score_shows_both_bounds(shell: Shell) -> None:
    found = shell.json("score", "-", *MODEL, "--reading", "all", stdin=CODE)
    assert not found["exact"]
    assert found["lower"] < found["upper"] < found["lower"] + len(CODE) * 1e-3
    assert "proved bits per byte" in shell.text("score", "-", *MODEL, "--reading", "all", stdin=CODE)
    budget = ("score", "-", *MODEL, "--reading", "all", "--max-positions", "20")
    assert "∞" in shell.text(*budget, stdin=CODE)
    done = run(*budget, "--strict", folder=shell.folder, stdin=CODE)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1


# ---------------------------------------------------------------------- generate, sample


def test_generate_agrees_with_the_library(shell: Shell, model: ByteModel) -> None:
    options = ("generate", PROMPT, *MODEL, "--max-bytes", "40", "--seed", "3", "--top-p", "0.9", "-n", "2")
    found = shell.json(*options)
    wanted = model.generate([PROMPT] * 2, max_bytes=40, seed=3, top_p=0.9)
    assert (found["reading"], found["renormalise"], found["toy"]) == ("canonical", "byte", True)
    assert [bytes.fromhex(entry["data"]) for entry in found["completions"]] == [entry.data for entry in wanted]
    shown = shell.text(*options)
    assert wanted[0].finish_reason in shown
    assert "calls a byte" in shown
    assert "toy" in shown


def test_a_stop_text_understands_escapes(shell: Shell, model: ByteModel) -> None:
    free = model.generate(PROMPT, max_bytes=60, seed=1)[0].data
    at = free.index(b" ", 4)
    stop = "".join(rf"\x{byte:02x}" for byte in free[at : at + 2])
    (entry,) = shell.json("generate", PROMPT, *MODEL, "--seed", "1", "--max-bytes", "60", "--stop", stop)["completions"]
    assert (bytes.fromhex(entry["data"]), entry["finish_reason"]) == (free[: free.index(free[at : at + 2])], "stop")


def test_constraints_hold(shell: Shell) -> None:
    (entry,) = shell.json("generate", PROMPT, *MODEL, "--regex", "[a-z]+ [0-9]{3}", "--max-bytes", "80")["completions"]
    assert entry["finish_reason"] == "end"
    word, _, digits = entry["text"].partition(" ")
    assert word.isalpha()
    assert len(digits) == 3
    assert digits.isdecimal()
    (entry,) = shell.json("generate", PROMPT, *MODEL, "--choice", "eer", "--choice", r"e\n")["completions"]
    assert entry["text"] in {"eer", "e\n"}
    assert entry["log_allowed"] < 0
    shown = shell.text("generate", PROMPT, *MODEL, "--regex", "x", "--choices", "y")
    assert "dead_end" in shown


def test_sample_draws_at_temperature_1(shell: Shell, model: ByteModel) -> None:
    found = shell.json("sample", "The ", *MODEL, "-n", "3", "--max-bytes", "12", "--seed", "5")["completions"]
    wanted = model.sample("The ", n=3, seed=5, max_bytes=12)
    assert [bytes.fromhex(entry["data"]) for entry in found] == [entry.data for entry in wanted]
    assert len({entry["data"] for entry in found}) > 1


def test_control_characters_never_reach_the_terminal(shell: Shell) -> None:
    shown = shell.text("generate", r"\x1b[31m\u202e", "--escapes", *MODEL, "--max-bytes", "3")
    assert r"\x1b[31m\u202e" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


# ---------------------------------------------------------------------- ensemble, infill


def test_an_ensemble_shows_its_members(shell: Shell) -> None:
    options = (PROMPT, *MODEL, "-m", HASH, "--top", "257")
    found = shell.json("ensemble", *options, "--weights", "0.25,0.75")
    assert (found["join"], len(found["members"])) == ("mean", 2)
    assert found["weights"] == pytest.approx([0.25, 0.75])
    assert math.isclose(sum(entry["probability"] for entry in found["symbols"]), 1, rel_tol=1e-9)
    for entry in found["symbols"]:
        first, second = entry["members"]
        assert widened(entry)
        assert abs(entry["probability"] - 0.25 * first - 0.75 * second) < 0.02  # OTHER and leak are dropped first
    shown = shell.text("ensemble", PROMPT, *MODEL, "-m", HASH, "--join", "product", "--max-bytes", "8", "--top", "3")
    assert "product of 2 models" in shown
    assert "8 bytes" in shown
    assert "joined" in shown


def test_the_members_of_an_ensemble_have_their_own_tokenizers(shell: Shell) -> None:
    found = shell.json(
        "ensemble", "a", "-m", "ngram:tiny", "-m", "scripted:hash", "-t", TINY, "-t", "bytes", "--join", "mixture"
    )
    fingerprints = [tokbench.load_tokenizer(spec).info.fingerprint for spec in (TINY, "bytes")]
    assert [member["tokenizer"] for member in found["members"]] == fingerprints


def test_infill_shows_the_rows_side_by_side(shell: Shell, model: ByteModel) -> None:
    (shell.folder / "f.py").write_bytes(CODE)
    at = ("infill", "f.py", *MODEL, "--at", "22:32")
    found = shell.json(*at)
    assert [row["row"] for row in found["rows"]] == ["naive", "healing", "exact"]
    exact = found["rows"][-1]
    wanted = -model.logprob(CODE[22:32], given=CODE[:22]).value / math.log(2)
    assert math.isclose(exact["gold_bits"], wanted, rel_tol=1e-9)
    assert exact["gold_bits"] < found["rows"][0]["gold_bits"]
    assert exact["positions"] > 0
    shown = shell.text(*at, "--rows", "exact,naive")
    assert shown.index("exact ") < shown.index("naive ")
    assert "healing" not in shown


# ---------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("next", "a", "-m", "nonsense"), ("'nonsense'", "backend:locator")),
        (("next", "a", "-m", "ngram:nope"), ("ngram:nope", "tiny")),
        (("next", "a", "-m", "hf:./nowhere"), ("nowhere",)),
        (("next", "a", "-m", "scripted:hash"), ("tokenizer",)),
        (("next", "a", *MODEL, "-t", "nope"), ("'nope'",)),
        (("next", "a", *MODEL, "--eps", "-1"), ("eps=-1",)),
        (("next", "a", *MODEL, "--max-positions", "0"), ("max_positions=0",)),
        (("next", "a", *MODEL, "--start", "x"), ("start='x'", "text:")),
        (("next", "a", *MODEL, "--start", "99999"), ("99999",)),
        (("next", "xyz", "--hex", *MODEL), ("hexadecimal",)),
        (("next", r"a\q", "--escapes", *MODEL), (r"\q at character 1",)),
        (("next", b"\xff", *MODEL), ("gives these bytes no probability",)),
        (("next", "a", "-m", "scripted:hash", "-t", "sentencepiece:@tiny-unigram.model"), ("reading='all'",)),
        (("score", "nowhere.txt", *MODEL), ("nowhere.txt: cannot be read",)),
        (("score", ".", *MODEL), ("cannot be read",)),
        (("score", "-", *MODEL, "--per-byte", "no/out.parquet"), ("no folder no",)),
        (("score", "-", *MODEL, "--per-byte", "."), ("is a folder",)),
        (("generate", "a", *MODEL, "--temperature", "-1"), ("temperature",)),
        (("generate", "a", *MODEL, "--top-p", "0"), ("top_p",)),
        (("generate", "a", *MODEL, "--stop", ""), ("stop",)),
        (("generate", "a", *MODEL, "--regex", "("), ("regular expression", "closing parenthesis")),
        (("ensemble", "a", *MODEL, *MODEL, "--weights", "1,x"), ("weights='1,x'",)),
        (("ensemble", "a", *MODEL, *MODEL, "--weights", "1"), ("2 finite numbers",)),
        (("ensemble", "a", *MODEL, "-t", TINY, "-t", TINY), ("at most 1",)),
        (("infill", "nowhere", *MODEL, "--at", "0:1"), ("nowhere: cannot be read",)),
        (("infill", "-", *MODEL, "--at", "0:100"), ("0:100", "32, the size")),
        (("infill", "-", *MODEL, "--at", "3-5"), ("FROM:TO",)),
        (("infill", "-", *MODEL, "--at", "3:5", "--rows", "naive,foo"), ("foo", "healing")),
        (("infill", "-", *MODEL, "--at", "3:5", "--layout", "spm"), ("<fim_prefix>",)),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str | bytes, ...], words: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*arguments, folder=tmp_path, stdin=CODE)
    assert done.returncode == 2, done.stderr
    assert not done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("tokbench: ")
    for word in words:
        assert word in line
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tokbench", "bytes", "next", PROMPT, *MODEL],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False, text=True,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("tokbench: ")
    assert len(done.stderr.splitlines()) == 1
    table = run("score", "-", *MODEL, "--per-byte", "/dev/full", folder=tmp_path, stdin=CODE)
    assert table.returncode == 2
    assert "/dev/full: cannot be written" in table.stderr
    assert len(table.stderr.splitlines()) == 1


def test_usage_errors_exit_with_2(tmp_path: Path) -> None:
    for arguments in (("next", "a"), ("next", "a", *MODEL, "--reading", "best"), ("nosuchcommand",), ("infill", "x")):
        done = run(*arguments, folder=tmp_path)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
    for command in ("next", "score", "generate", "sample", "ensemble", "infill"):
        assert run(command, "--help", folder=tmp_path).returncode == 0
