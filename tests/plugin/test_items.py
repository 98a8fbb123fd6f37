"""Injected items: their ids, known failures, records, xdist, and planted bugs seen through all of it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tokbench.laws import LAWS

Run = Callable[..., pytest.RunResult]
LAW = "--tokbench-suite=conformance"
FEW = (LAW, "--tokbench-laws=round-trip,injection,bytes-round-trip", "--tokbench-max-examples=10", "--tokbench-seed=1")
BUG = "toys:nfc-undeclared"


def items_of(path: Path) -> list[dict[str, object]]:
    """Items of a JSON file without the seconds, which no two runs share."""
    value = json.loads(path.read_text(encoding="ascii"))
    return [{key: entry for key, entry in item.items() if key != "seconds"} for item in value["items"]]


def known(folder: pytest.Pytester, *lines: str, name: str = "known.txt") -> str:
    folder.path.joinpath(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return f"--tokbench-xfails={name}" if name == "known.txt" else f"--tokbench-skips={name}"


# ---------------------------------------------------------------------- which items


def test_ids_name_tokenizer_and_law(run: Run) -> None:
    result = run("hf:@tiny.json", *FEW, "--tokbench-tokenizer=bytes", "--collect-only", "-q")
    lines = [line for line in result.outlines if line.startswith("tokbench::")]
    laws = ["bytes-round-trip", "injection", "round-trip"]
    assert lines == [f"tokbench::{slug}::{law}" for slug in ("bytes", "hf-tiny") for law in laws]


def test_k_and_m_choose_among_the_items(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_own="def test_one():\n    pass\n")
    run("bytes", *FEW, "-k", "injection").assert_outcomes(passed=1, deselected=3)
    run("bytes", *FEW, "-m", "tokbench").assert_outcomes(passed=3, deselected=1)
    run("bytes", *FEW, "-m", "not tokbench").assert_outcomes(passed=1, deselected=3)


def test_two_files_of_one_name_are_told_apart(run: Run, stranger: pytest.Pytester) -> None:
    from tokbench._resources import resource

    data = resource("fixtures", "tiny.json").read_bytes()
    for name in ("a", "b"):
        stranger.mkdir(name).joinpath("tiny.json").write_bytes(data)
    result = run("hf:a/tiny.json", "--tokbench-tokenizer=hf:b/tiny.json", *FEW, "--collect-only", "-q")
    slugs = {line.split("::")[1] for line in result.outlines if line.startswith("tokbench::")}
    assert slugs == {"hf-tiny", "hf-tiny-2"}


def test_a_law_that_does_not_apply_is_skipped_and_a_loss_is_counted(run: Run) -> None:
    result = run("hf:@tiny-wordpiece.json", LAW, "--tokbench-laws=round-trip,spans-cover,sp-vs-hf", "-rs")
    result.stdout.fnmatch_lines(
        ["SKIPPED *lossy: decode-side, normalisation, unknown-token; the tokenizer is declared lossy*"]
    )
    (line,) = (line for line in result.outlines if line.startswith("hf-tiny-wordpiece conformance"))
    assert line.endswith("2 skipped (lossy: 1)")
    assert result.ret == 0


def test_an_adapter_that_cannot_be_imported_stops_no_other(run: Run) -> None:
    result = run("broken:x", "--tokbench-tokenizer=bytes", *FEW)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["broken-x could not be loaded: backend 'broken' of toys-backend 1.0*No module named 'no_such_module_at_all'*"]
    )
    result.stdout.fnmatch_lines(["broken-x conformance 1 error", "bytes conformance 3 passed"])
    wrong = run("toys:no-such-toy", "--tokbench-tokenizer=bytes", *FEW)
    wrong.stdout.fnmatch_lines(["toys-no-such-toy could not be loaded: *KeyError*", "bytes conformance 3 passed*"])


# ---------------------------------------------------------------------- planted bugs


def planted() -> list[tuple[str, tuple[str, ...]]]:
    """Laws with their planted bugs; those whose bugs take long by their nature have tests beside the measuring code."""
    slow = {"growth", "memory", "threads", "errors"}
    return [(law.id, law.mutants) for law in LAWS.values() if law.id not in slow]


def test_every_planted_bug_fails_its_law(run: Run, stranger: pytest.Pytester) -> None:
    pairs = planted()
    specs = [f"--tokbench-tokenizer=toys:{name}" for _, names in pairs for name in names]
    wanted = {f"tokbench::toys-{name}::{law}" for law, names in pairs for name in names}
    assert len(wanted) > 45
    laws = [law for law, _ in pairs]
    skip = known(
        stranger,
        *(f"tokbench::toys-{name}::{law} # another law" for _, names in pairs for name in names for law in laws
          if f"tokbench::toys-{name}::{law}" not in wanted),
        name="skips.txt",
    )  # fmt: skip
    run(None, *specs, LAW, f"--tokbench-laws={','.join(laws)}", "--tokbench-json=out.json", skip, "-q", "--tb=line",
        "--tokbench-seed=1", "--no-summary")  # fmt: skip
    failed = {str(item["id"]) for item in items_of(stranger.path / "out.json") if item["outcome"] == "failed"}
    assert failed == wanted


def test_bytes_passes_every_law(run: Run) -> None:
    result = run("bytes", LAW, "--tokbench-max-examples=10")
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] > 20
    assert "failed" not in result.parseoutcomes()


def test_a_failure_says_what_where_and_how_to_repeat_it(run: Run) -> None:
    result = run(BUG, *FEW)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "round-trip fails on toys-nfc-undeclared: decode(encode(x)) is not x",
            "    law         decode(encode(x)) == x for every text x*",
            "    input       *",
            "    expected    *",
            "    got         *",
            "    differs     at index *normalisation form",
            "    paste       @example(*",
            "    repeat      --tokbench-laws round-trip --tokbench-max-examples 10 --tokbench-seed 1",
            "    see         https://github.com/google/sentencepiece/issues/684",
            "toys-nfc-undeclared conformance 2 passed, 1 failed*",
        ],
        consecutive=False,
    )
    assert "Traceback" not in result.stdout.str()


# ---------------------------------------------------------------------- other suites


def test_parity_shows_the_smallest_text_and_the_cause(run: Run) -> None:
    options = ("--tokbench-suite=parity", "--tokbench-max-examples=10")
    result = run("hf:@tiny.json", *options, "--tokbench-reference=tiktoken:@tiny.tiktoken?pattern=gpt2",
                 "--tokbench-by-bytes")  # fmt: skip
    result.assert_outcomes(passed=5)
    result = run("hf:@tiny-unigram.json", *options, "--tokbench-reference=sentencepiece:@tiny-unigram.model")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        ["parity-specials fails on hf-tiny-unigram: ids of * differ from sentencepiece-tiny-unigram (*",
         "    input       '<s>'", "    differs     at index *special-parsed"]
    )  # fmt: skip


def test_parity_with_another_vocabulary_fails_with_the_first_id(run: Run) -> None:
    result = run("bytes", "--tokbench-suite=parity", "--tokbench-reference=toys:toy", "--tokbench-max-examples=5")
    result.assert_outcomes(failed=5)
    result.stdout.fnmatch_lines(["*do not have the same vocabulary: id 256*--tokbench-by-bytes*"])


def test_a_reference_that_does_not_load_is_one_item_and_a_wrong_one_a_usage_error(run: Run) -> None:
    options = ("--tokbench-suite=parity", "--tokbench-max-examples=5")
    result = run("bytes", *options, "--tokbench-reference=broken:x")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["broken-x could not be loaded: *no_such_module_at_all*", "bytes parity 1 error"])
    result = run("bytes", *options, "--tokbench-reference=hf:none.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--tokbench-reference hf:none.json: no such file" in result.stderr.str()


def test_a_vocabulary_that_would_be_downloaded_is_a_skip(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = run("tiktoken:cl100k_base", *FEW, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *vocabulary 'cl100k_base' is not available*"])


def test_vectors_without_their_files_are_skipped_with_the_reason(run: Run) -> None:
    result = run("bytes", "--tokbench-suite=vectors", "-rs", "--tokbench-data=nowhere")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *vectors not found at nowhere: --tokbench-data DIR or TOKBENCH_DATA*"])


@pytest.mark.data
def test_vectors_of_a_shipped_file_are_all_equal(run: Run, data_dir: Path) -> None:
    pytest.importorskip("mistral_common")
    if not (data_dir / "vectors").is_dir():
        pytest.skip("the folder vectors is missing from the third-party data")
    result = run("mistral:v1", "--tokbench-suite=vectors", f"--tokbench-data={data_dir}")
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] >= 1


def test_the_audit_lists_ids_that_no_text_gives(run: Run, stranger: pytest.Pytester) -> None:
    options = ("--tokbench-suite=audit", "--tokbench-json=out.json")
    run("toys:toy", *options)
    outcomes = {str(item["law"]): item["outcome"] for item in items_of(stranger.path / "out.json")}
    assert set(outcomes) == {"audit-unreachable-single", "audit-unreachable-multi", "audit-undecodable"}
    result = run("toys:last-merge-skipped", *options)  # a merge that is never made leaves an id that no text gives
    result.stdout.fnmatch_lines(["audit-unreachable-multi fails on toys-last-merge-skipped: *", "    id *gives*"])


# ---------------------------------------------------------------------- files


def test_a_known_failure_is_expected_and_needs_no_luck(run: Run, stranger: pytest.Pytester) -> None:
    result = run(BUG, *FEW, known(stranger, "tokbench::toys-*::round-trip  # https://example.org/1 NFC"), "-rx")
    assert result.ret == 0
    result.assert_outcomes(passed=2, xfailed=1)
    result.stdout.fnmatch_lines(["XFAIL tokbench::toys-nfc-undeclared::round-trip*https://example.org/1 NFC"])


def test_an_unexpected_pass_is_listed_and_a_line_for_nothing_too(run: Run, stranger: pytest.Pytester) -> None:
    lines = (
        "tokbench::bytes::round-trip # https://example.org/1",
        "tokbench::bytes::round-trp # https://example.org/2",
        "tokbench::hf-*::round-trip # https://example.org/3",
    )
    result = run("bytes", *FEW, known(stranger, *lines))
    assert result.ret == 0
    result.assert_outcomes(passed=2, xpassed=1)
    result.stdout.fnmatch_lines(
        [
            "XPASS tokbench::bytes::round-trip: take it out of the file (https://example.org/1)",
            "warning: no item matches tokbench::bytes::round-trp: *",
            "warning: no item matches tokbench::hf-?::round-trip: *",
        ]
    )


def test_a_known_difference_of_parity_is_strict(run: Run, stranger: pytest.Pytester) -> None:
    options = ("--tokbench-suite=parity", "--tokbench-max-examples=5", "--tokbench-reference=bytes")
    line = "tokbench::bytes::parity-ascii # https://example.org/1"
    result = run("bytes", *options, known(stranger, line), "--tokbench-json=out.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["XPASS tokbench::bytes::parity-ascii: take it out of the file (https://example.org/1)"]
    )
    assert [item["outcome"] for item in items_of(stranger.path / "out.json")].count("xpassed") == 1


def test_an_item_to_leave_out_is_skipped_with_its_reason(run: Run, stranger: pytest.Pytester) -> None:
    skips = known(stranger, "tokbench::bytes::round-trip # takes too long here", name="skips.txt")
    result = run("bytes", *FEW, skips, "-rs")
    result.stdout.fnmatch_lines(["SKIPPED *takes too long here"])


# ---------------------------------------------------------------------- records


def test_the_json_file_says_everything(run: Run, stranger: pytest.Pytester) -> None:
    run(BUG, "--tokbench-tokenizer=hf:@tiny.json", *FEW, "--tokbench-json=out.json")
    value = json.loads((stranger.path / "out.json").read_text(encoding="ascii"))
    assert value["schema"] == 1
    assert value["tokenizers"]["hf-tiny"]["files"][0]["name"] == "tiny.json"
    assert len(value["tokenizers"]["hf-tiny"]["files"][0]["sha256"]) == 64
    items = {item["id"]: item for item in value["items"]}
    assert list(items) == sorted(items)
    assert len(items) == 6
    failed = items["tokbench::toys-nfc-undeclared::round-trip"]
    assert failed["law"] == "round-trip"
    assert failed["outcome"] == "failed"
    assert failed["example"].startswith("@example(")
    assert "decode(encode(x)) is not x" in failed["reason"]
    assert items["tokbench::hf-tiny::round-trip"]["outcome"] == "passed"
    assert items["tokbench::hf-tiny::round-trip"]["seconds"] >= 0
    skipped = items["tokbench::toys-nfc-undeclared::bytes-round-trip"]
    assert (skipped["outcome"], skipped["example"]) in {("passed", None), ("skipped", None)}


def test_the_record_names_no_folder_of_the_machine(run: Run, stranger: pytest.Pytester) -> None:
    from tokbench._resources import resource

    elsewhere = stranger.mkdir("a_private_folder") / "tiny.json"
    elsewhere.write_bytes(resource("fixtures", "tiny.json").read_bytes())
    (stranger.path / "work").mkdir()
    run(f"hf:{elsewhere}", *FEW, "--tokbench-json=out.json")
    text = (stranger.path / "out.json").read_text(encoding="ascii")
    assert str(stranger.path) not in text
    assert json.loads(text)["tokenizers"]["hf-tiny"]["spec"] in {"hf:a_private_folder/tiny.json", "hf:tiny.json"}


def test_junit_has_tokenizer_and_law(run: Run, stranger: pytest.Pytester) -> None:
    run(BUG, *FEW, "--junitxml=out.xml")
    cases = {case.get("name"): case for case in ET.parse(stranger.path / "out.xml").iter("testcase")}  # noqa: S314
    assert set(cases) == {"round-trip", "injection", "bytes-round-trip"}
    assert cases["round-trip"].get("classname") == "tokbench.toys-nfc-undeclared"
    failure = cases["round-trip"].find("failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.text.startswith("round-trip fails on toys-nfc-undeclared")
    found = {entry.get("name"): entry.get("value") for entry in cases["round-trip"].iter("property")}
    assert found["tokbench_law"] == "round-trip"
    assert str(found["tokbench_example"]).startswith("@example(")


def test_a_run_that_is_cut_short_leaves_no_item_out_of_the_record(run: Run, stranger: pytest.Pytester) -> None:
    run(BUG, LAW, "--tokbench-laws=round-trip,stream-exact,token-bytes", "--tokbench-max-examples=10", "-x",
        "--tokbench-json=out.json")  # fmt: skip
    outcomes = {str(item["law"]): item["outcome"] for item in items_of(stranger.path / "out.json")}
    assert outcomes == {"round-trip": "failed", "stream-exact": "error", "token-bytes": "error"}


def of_run(items: Sequence[dict[str, object]], law: str) -> dict[str, object]:
    return next(item for item in items if item["law"] == law)


@pytest.mark.slow
def test_xdist_gives_the_same_record_and_a_crash_is_an_error(run: Run, stranger: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    paths = [str(Path(__file__).parents[1] / "meta"), str(Path(__file__).parents[2]), str(stranger.path / "site")]
    stranger.makeconftest(
        f"import os, sys\nsys.path[:0] = {paths!r}\n"
        "def pytest_runtest_setup(item):\n"
        "    if os.environ.get('CRASH') == item.name and os.environ.get('PYTEST_XDIST_WORKER'):\n"
        "        os._exit(3)\n"
    )
    options = (*FEW, "--tokbench-tokenizer=bytes")
    run(BUG, *options, "--tokbench-json=one.json", "-n0")
    result = run(BUG, *options, "--tokbench-json=two.json", "-n2", how="runpytest_subprocess")
    result.stdout.fnmatch_lines(["bytes conformance 3 passed*", "toys-nfc-undeclared conformance 2 passed, 1 failed*"])
    assert result.stdout.str().count("bytes conformance 3 passed") == 1  # no summary by the workers
    one, two = items_of(stranger.path / "one.json"), items_of(stranger.path / "two.json")
    assert one == two
    assert len(two) == 6
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRASH", "injection")
        run(BUG, *FEW, "--tokbench-json=three.json", "-n1", "--max-worker-restart=2", how="runpytest_subprocess")
    crashed = of_run(items_of(stranger.path / "three.json"), "injection")
    assert crashed["outcome"] == "error"
    assert "crashed" in str(crashed["reason"])
