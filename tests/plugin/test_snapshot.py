"""Snapshots of ids: written, compared, reviewed; and the file says nothing but what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokbench import load_tokenizer
from tokbench._plugin.message import pieces_of
from tokbench._plugin.snapshot import Entry, file_of, format_entries, parse_entries, readable
from tokbench.tokenizers import Tokenizer

Run = Callable[..., pytest.RunResult]
TINY = load_tokenizer("hf:@tiny.json")
OWN = """
def test_words(tokbench_tokenizer, tokbench_snapshot):
    tokbench_snapshot(tokbench_tokenizer, ["hello world", "a\\nb"])
"""


def entry(tokenizer: Tokenizer, text: str) -> Entry:
    ids = tokenizer.encode(text)
    return Entry("tiny", text, tuple(ids), (" ".join(map(readable, pieces_of(tokenizer, ids))),))


@pytest.mark.property
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=4))
def test_what_is_written_is_read(texts: list[str]) -> None:
    entries = [entry(TINY, text) for text in texts]
    data = format_entries(entries, "test_ids.py::test_words")
    assert parse_entries(data, "test_words.txt") == entries
    # what one looks at in a diff holds nothing that moves or hides what stands beside it
    assert all(character.isprintable() or character == "\n" for character in data)


def test_a_file_is_readable() -> None:
    entries = [Entry("toy", "a\nb \u202e", (97, 1), ("'a'", "<special> b'\\xff'")), Entry("toy", "", (), ("",))]
    assert format_entries(entries, "test_ids.py::test_words").splitlines() == [
        "# tokbench snapshot 1: test_ids.py::test_words",
        "",
        "by      toy",
        "text    'a\\n'",
        "        'b \\u202e'",
        "ids     97 1",
        "pieces  'a'",
        "        <special> b'\\xff'",
        "",
        "by      toy",
        "text    ''",
        "ids",
        "pieces",
    ]


@pytest.mark.parametrize(
    "data", ["", "hello", "# tokbench snapshot 2: x\n", "# tokbench snapshot 1: x\n\nby      a\nids     1\n"]
)
def test_another_file_is_refused(data: str) -> None:
    with pytest.raises(pytest.UsageError, match="tokbench-snapshot-update"):
        parse_entries(data, "x.txt")


def test_names_that_would_be_one_file_are_two() -> None:
    test = Path("tests/test_ids.py")
    names = ["test_a", "test_a[b]", "test_a[b/c]", "test_a[b c]", "test_a[b-c]"]
    paths = {file_of(test, [name]) for name in names}
    assert len(paths) == len(names)
    assert file_of(test, ["TestA", "test_b[hf-gpt2]"]) == Path("tests/__tokbench__/test_ids/TestA.test_b-hf-gpt2.txt")


def test_a_snapshot_is_written_compared_and_brought_up_to_date(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_ids=OWN)
    path = stranger.path / "__tokbench__" / "test_ids" / "test_words-hf-tiny.txt"
    missing = run("hf:@tiny.json")
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(["*no ids are stored for 'hello world' by hf-tiny: *does not exist"])
    assert not path.exists()
    run("hf:@tiny.json", "--tokbench-snapshot-update").assert_outcomes(passed=1)
    data = path.read_text(encoding="utf-8")
    ids = TINY.encode("hello world")
    assert f"text    'hello world'\nids     {' '.join(map(str, ids))}\n" in data
    run("hf:@tiny.json").assert_outcomes(passed=1)
    changed = data.replace(f"ids     {ids[0]} ", f"ids     {ids[0] + 1} ")
    assert changed != data
    path.write_text(changed, encoding="utf-8")
    result = run("hf:@tiny.json")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*'hello world' has other ids by hf-tiny than in __tokbench__/test_ids/test_words-hf-tiny.txt",
         "E*stored*", "E*now*", "E*~^", "E*differs     at index 0, byte 0: *"]
    )  # fmt: skip
    run("hf:@tiny.json", "--tokbench-snapshot-update").assert_outcomes(passed=1)
    assert path.read_text(encoding="utf-8") == data


def test_pieces_that_change_under_the_same_ids_are_found(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_ids=OWN)
    run("bytes", "--tokbench-snapshot-update")
    path = stranger.path / "__tokbench__" / "test_ids" / "test_words-bytes.txt"
    path.write_text(path.read_text().replace("'h' 'e' 'l'", "'h' 'e' 'L'"))
    run("bytes").stdout.fnmatch_lines(["*the ids of 'hello world' are those of *, but stand for other pieces"])


def test_texts_that_nobody_asks_for_any_more_are_named(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_ids=OWN)
    run("bytes", "--tokbench-snapshot-update")
    stranger.makepyfile(test_ids=OWN.replace(', "a\\nb"', ""))
    result = run("bytes")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["test_words-bytes.txt holds 1 texts that the test no longer asks for ('a?nb'): *"])
    run("bytes", "--tokbench-snapshot-update").assert_outcomes(passed=1)
    run("bytes").assert_outcomes(passed=1)


def test_a_test_that_fails_writes_nothing(run: Run, stranger: pytest.Pytester) -> None:
    stranger.makepyfile(test_ids=f"{OWN}    assert False\n")
    run("bytes", "--tokbench-snapshot-update").assert_outcomes(failed=1)
    assert not (stranger.path / "__tokbench__").exists()


def test_the_tokenizer_of_a_library_can_be_given_as_it_is(run: Run, stranger: pytest.Pytester) -> None:
    from tokbench._resources import resource

    stranger.makepyfile(
        test_ids=f"""
        from tokenizers import Tokenizer

        def test_words(tokbench_snapshot):
            tokbench_snapshot(Tokenizer.from_file({str(resource("fixtures", "tiny.json"))!r}), "hello world")
        """
    )
    run(None, "--tokbench-snapshot-update").assert_outcomes(passed=1)
    data = (stranger.path / "__tokbench__" / "test_ids" / "test_words.txt").read_text(encoding="utf-8")
    assert f"ids     {' '.join(map(str, TINY.encode('hello world')))}\n" in data
    run().assert_outcomes(passed=1)
