"""Fixtures, the marker and the class for authors of engines."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

Run = Callable[..., pytest.RunResult]

ENGINE = '''
import tokbench.laws

class Engine:
    """Bytes, with an offset so that ids are not bytes; the least that an engine can be."""
    def encode(self, text):
        return [byte + 3 for byte in text.encode()]
    def decode(self, ids):
        return bytes(token - 3 for token in ids).decode("utf-8", "replace")

class Full(Engine):
    def ids(self):
        return range(3, 259)
    def token_bytes(self, token):
        return bytes([token - 3])
    def encode_bytes(self, data):
        return [byte + 3 for byte in data]

class Forgetful(Full):
    def encode(self, text):
        return super().encode(text.replace("\\0", ""))

class TestLeast(tokbench.laws.TokenizerTests):
    laws = ["round-trip", "token-bytes", "bytes-round-trip", "id-space", "idempotent", "batch-is-map", "errors"]
    def make(self):
        return Engine()

class TestFull(TestLeast):
    def make(self):
        return Full()

class TestForgetful(TestLeast):
    laws = ["round-trip"]
    def make(self):
        return Forgetful()
'''


def test_the_tokenizer_fixture_runs_each_test_once_for_each_tokenizer(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(
        test_own="def test_one(tokbench_tokenizer):\n    assert tokbench_tokenizer.encode('a')\n"
        "def test_two():\n    pass\n"
    )
    result = run("bytes", "--tokbench-tokenizer=hf:@tiny.json", "-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*test_own.py::test_one?bytes?*", "*test_own.py::test_one?hf-tiny?*"])


def test_the_fixture_passes_the_health_check_of_hypothesis(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(
        test_own="from hypothesis import given, strategies as st\n"
        "@given(st.text())\ndef test_one(tokbench_tokenizer, text):\n"
        "    assert tokbench_tokenizer.decode(tokbench_tokenizer.encode(text)) == text\n"
    )
    run("bytes").assert_outcomes(passed=1)


def test_without_a_tokenizer_the_test_says_what_to_do(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_own="def test_one(tokbench_tokenizer):\n    pass\n")
    result = run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["no tokenizer is under test: give --tokbench-tokenizer SPEC*"])
    assert "Traceback" not in result.stdout.str()


def test_reference_and_examples(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(
        test_own="def test_one(tokbench_reference):\n    assert tokbench_reference.info.slug == 'bytes'\n"
        "def test_two(tokbench_examples):\n    assert '<s>a' in tokbench_examples\n"
    )
    run().assert_outcomes(skipped=1, passed=1)
    run(None, "--tokbench-reference=bytes").assert_outcomes(passed=2)


def test_an_unmet_need_is_a_skip_and_a_loss_is_called_so(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(
        test_own="import pytest\n"
        "@pytest.mark.tokbench(suite='conformance', needs='char-spans')\ndef test_one(tokbench_tokenizer):\n"
        "    assert tokbench_tokenizer.char_spans('ab')\n"
        "@pytest.mark.tokbench(suite='conformance', needs=['not-lossy'])\ndef test_two(tokbench_tokenizer):\n"
        "    pass\n"
    )
    result = run("bytes", "--tokbench-tokenizer=toys:unknown", "-rs", "--tokbench-json=out.json")
    result.assert_outcomes(passed=2, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "bytes conformance 1 passed, 1 skipped (lossy: 0)",
            "toys-unknown conformance 1 passed, 1 skipped (lossy: 1)",
        ]
    )
    result.stdout.fnmatch_lines(["SKIPPED *bytes lacks char-spans: the library reports no character spans"])
    result.stdout.fnmatch_lines(["SKIPPED *lossy: unknown-token"])


@pytest.mark.parametrize(
    ("marker", "wanted"),
    [
        ("needs='char-spams'", "needs='char-spams': expected some of byte-complete*"),
        ("suite='conform'", "suite='conform': expected some of conformance*"),
        ("'x'", "expected the keywords suite and needs, found*"),
        ("need='spans'", "expected the keywords suite and needs, found*"),
    ],
)
def test_arguments_of_the_marker_are_checked(run: Run, stranger: pytest.Pytester, marker: str, wanted: str) -> None:
    stranger.makepyfile(
        test_own=f"import pytest\n@pytest.mark.tokbench({marker})\ndef test_one(tokbench_tokenizer):\n    pass\n"
    )
    result = run("bytes")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"marker tokbench: {wanted}"])


def test_a_need_without_the_fixture_is_an_error(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_own="import pytest\n@pytest.mark.tokbench(needs='spans')\ndef test_one():\n    pass\n")
    run("bytes").stdout.fnmatch_lines(["marker tokbench: needs is about the fixture tokbench_tokenizer*"])


def test_an_engine_needs_only_encode_and_decode(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_mine=ENGINE)
    result = run(None, "--tokbench-max-examples=20", "--tokbench-json=out.json", "-rs")
    items = {item["id"]: item for item in json.loads((stranger.path / "out.json").read_text())["items"]}
    outcomes = {name.partition("::")[2]: item["outcome"] for name, item in items.items()}
    for law in ("round-trip", "idempotent", "errors"):
        assert outcomes[f"TestLeast::test_law[{law}]"] == "passed", law
    for law in ("token-bytes", "bytes-round-trip", "id-space", "batch-is-map"):
        assert outcomes[f"TestLeast::test_law[{law}]"] == "skipped", law
    for law in ("round-trip", "token-bytes", "bytes-round-trip", "id-space", "idempotent", "errors"):
        assert outcomes[f"TestFull::test_law[{law}]"] == "passed", law
    assert outcomes["TestForgetful::test_law[round-trip]"] == "failed"
    result.stdout.fnmatch_lines(["round-trip fails on *forgetful: decode(encode(x)) is not x"])
    result.stdout.fnmatch_lines(["    differs     at index 0, byte 0: control or format characters"])
    assert "TokenizerTests" not in outcomes
    assert items["test_mine.py::TestForgetful::test_law[round-trip]"]["example"].startswith("@example(")


def test_options_narrow_the_class_and_files_expect_its_failures(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_mine=ENGINE)
    stranger.path.joinpath("known.txt").write_text(
        "test_mine.py::TestForgetful::test_law[round-trip]  # https://example.org/1 NUL\n", encoding="utf-8"
    )
    options = ("--tokbench-laws=round-trip", "--tokbench-max-examples=20", "--tokbench-xfails=known.txt")
    result = run(None, *options)
    result.assert_outcomes(passed=2, xfailed=1, skipped=12)


def test_a_class_without_make_or_with_a_useless_engine_says_so(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(
        test_mine="import tokbench.laws\nclass TestNothing(tokbench.laws.TokenizerTests):\n    laws = ['pure']\n"
        "class TestUseless(TestNothing):\n    def make(self):\n        return 3\n"
    )
    result = run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*TestNothing has to define make(self) and return the engine under test*"])
    result.stdout.fnmatch_lines(["*int has no method encode: an engine needs encode(text) and decode(ids)*"])


def test_a_tokenizer_of_ours_is_taken_as_it_is(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(
        test_mine="import tokbench, tokbench.laws\nclass TestBytes(tokbench.laws.TokenizerTests):\n"
        "    def make(self):\n        return tokbench.load_tokenizer('bytes')\n"
    )
    result = run(None, "--tokbench-max-examples=3", "--tokbench-laws=-threads,-pure,-errors")
    assert result.ret == 0
    assert result.parseoutcomes()["passed"] > 20
