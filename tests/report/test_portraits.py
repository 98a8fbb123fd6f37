"""Portraits of tokenizers and models: pictures are what the rows hold, examples are chosen by rule, nothing is raw."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from arithmetic_tokenizers import l2r
from hypothesis import given
from hypothesis import strategies as st
from phantom_items import TEXT, TINY, canonical_reply, item, reply
from phantom_laws import recut

from tokbench.models.completion import Decoding
from tokbench.models.completions import load_completion_model
from tokbench.report._groups import groups
from tokbench.report._pictures import MOST_PIECES, from_hex, picture, piece_text, pieces, tokenizer_pictures
from tokbench.report._portraits import model_portraits, tokenizer_portraits
from tokbench.report._view import Piece, Portrait
from tokbench.results import Metric, Run, Sample
from tokbench.results._files import file_entry
from tokbench.results._frames import table_bytes
from tokbench.run import describe
from tokbench.suites.arithmetic import answers as arithmetic
from tokbench.suites.arithmetic.item import plain
from tokbench.suites.arithmetic.items import build_cases
from tokbench.suites.arithmetic.items import build_items as build_sums
from tokbench.suites.arithmetic.scripted import responders as adders
from tokbench.suites.charbench import answers as charbench
from tokbench.suites.charbench.features import features
from tokbench.suites.charbench.items import build_items, frame
from tokbench.suites.charbench.prompts import sha256s
from tokbench.suites.charbench.scripted import responders
from tokbench.suites.exactness.pictures import Telling, load_tellings, picture_rows
from tokbench.suites.phantom.answers import rows_of
from tokbench.suites.phantom.grading import grade
from tokbench.tokenizers import load_tokenizer

FIXTURES = ("bytes", "hf:@tiny.json", "tiktoken:@tiny.tiktoken?pattern=gpt2", "sentencepiece:@tiny.model",
            "hf:@tiny-wordpiece.json")  # fmt: skip
MARKS = {"·": " ", "⇥": "\t", "⏎": "\n", "␍": "\r"}
RESERVED = frozenset("·⇥⏎␍⟨⟩\\…")


def make_run(
    suite: str, name: str, samples: Sequence[Sample], metrics: Sequence[Metric] = (), *, model: str | None = None,
    tokenizer: Mapping[str, object] | None = None, directory: Path | None = None, **more: object,
) -> Run:  # fmt: skip
    record = {
        "schema": 1,
        "run": {"id": f"{suite}-{name}", "key": (name * 8)[:32], "status": "complete", "suite": suite,
                "suite_version": f"{suite}-1", "tokenizer": name, "model": model,
                "options": {"prompts": sha256s()} if suite == "charbench" else {}},
        "tokbench": {"version": "0", "profile": "smoke", "seed": 0, "command": "tokbench", "items_sha256": {}},
        "tokenizer": dict(tokenizer or {"spec": f"toy:{name}", "fingerprint": "f" * 64}),
        "model": None if model is None else {"spec": model, "fingerprint": "a" * 64, "synthetic": True},
        "time": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:01Z"},
        **more,
    }  # fmt: skip
    return Run(record, list(samples), list(metrics), directory)


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():  # the names are those of our fields
            yield from strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from strings(one)


def assert_visible(portraits: Sequence[Portrait]) -> None:
    for text in strings([asdict(one) for one in portraits]):
        text.encode()
        assert all(char.isprintable() and not unicodedata.combining(char) for char in text), ascii(text)


def raw(found: Sequence[Piece]) -> bytes:
    """The bytes that pieces show, for texts without reserved characters and escapes."""
    text = "".join(piece.text for piece in found)
    parts = re.split("⟨([0-9A-F ]+)⟩", text)
    return b"".join(
        bytes.fromhex(part) if at % 2 else "".join(MARKS.get(char, char) for char in part).encode()
        for at, part in enumerate(parts)
    )


# ---------------------------------------------------------------------- pieces


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b" the", "·the"),
        (b"\tx\r\n", "⇥x␍⏎"),
        (b"\xe4\xbd", "⟨E4 BD⟩"),
        (b"\xbd a\xf0\x9f", "⟨BD⟩·a⟨F0 9F⟩"),
        ("\u202e\x00\u0301".encode(), "\\u202e\\x00\\u0301"),
        (b"\xed\xa0\x80", "⟨ED A0 80⟩"),
        ("⟩⟨".encode(), "⟩⟨"),
        (b"", ""),
    ],
)
def test_bytes_are_made_visible(data: bytes, shown: str) -> None:
    assert piece_text(data) == shown


@pytest.mark.property
@given(data=st.binary(max_size=12))
def test_any_bytes_are_visible_and_broken_ones_are_flagged(data: bytes) -> None:
    (found,) = pieces([data])
    assert all(char.isprintable() and not unicodedata.combining(char) for char in found.text)
    try:
        data.decode()
    except UnicodeDecodeError:
        assert found.partial
    else:
        assert not found.partial


@pytest.mark.property
@given(tokens=st.lists(st.binary(min_size=1, max_size=4), max_size=8))
def test_pieces_show_exactly_the_bytes_of_their_tokens(tokens: list[bytes]) -> None:
    found = pieces(tokens)
    text = "".join(piece.text for piece in found)
    kept = [char for char in b"".join(tokens).decode("utf-8", "surrogateescape") if not "\udc80" <= char <= "\udcff"]
    if "\\" not in text and not RESERVED & {*kept}:
        assert raw(found) == b"".join(tokens)


def test_a_token_without_bytes_shows_its_kind() -> None:
    found = pieces([None, b"a", None], [7, 8, 9], kinds=["unknown"], marked={1})
    assert found == [Piece("<unknown>", 7), Piece("a", 8, marked=True), Piece("<no bytes>", 9)]


def test_of_many_pieces_the_first_are_drawn_and_the_note_says_so() -> None:
    few, many = (picture("x", pieces([b"a"] * size)) for size in (MOST_PIECES + 1, MOST_PIECES + 2))
    assert (len(few.pieces), few.note) == (MOST_PIECES + 1, "")
    assert (len(many.pieces), many.note) == (
        MOST_PIECES,
        f"The first {MOST_PIECES} of {MOST_PIECES + 2} pieces are drawn.",
    )


@pytest.mark.parametrize("value", [None, "aa", 7, ["xx"], [7.5], [["aa"]], {"a": 1}])
def test_malformed_bytes_are_no_picture(value: object) -> None:
    assert from_hex(value) is None


# ---------------------------------------------------------------------- tokenizers


def exactness_run(spec: str, **more: Any) -> Run:  # noqa: ANN401, fields of the record
    tokenizer = load_tokenizer(spec)
    metrics = [
        Metric(metric="audit.unreachable-single", value=2.0, n=1000),
        Metric(metric="audit.partial-utf8", value=344.0, n=1000),
        Metric(metric="audit.duplicate", value=0.0, n=1300),
        Metric(metric="audit.alone", value=1.0, n=1000),
        Metric(metric="audit.byte-emitted", value=1.0, n=256),
        Metric(metric="bytes-per-token", value=4.4, k=44, n=10, lo=4.0, hi=4.8, method="clustered", filter="eng|micro"),
    ]
    law = Sample(item_id="law/pure", metric="law", outcome="correct")
    digits = Sample(
        item_id="digits/ascii", metric="digits", outcome="correct", completion="left-3", message="left-3; x"
    )
    rows = [law, digits, *picture_rows(tokenizer).samples]
    return make_run("exactness", tokenizer.info.slug, rows, metrics, tokenizer=describe(tokenizer), **more)


@pytest.mark.parametrize("spec", FIXTURES)
def test_pictures_of_a_tokenizer_are_its_cuts(spec: str) -> None:
    tokenizer, (group,) = load_tokenizer(spec), groups([exactness_run(spec)])
    drawn = tokenizer_pictures(group.entries[0])
    assert [one.title for one in drawn] == [telling.title for telling in load_tellings()]
    for found, telling in zip(drawn, load_tellings(), strict=True):
        ids = tokenizer.encode(telling.text)
        assert found.note.startswith(f"{len(ids)} token{'s' * (len(ids) != 1)}.")
        assert [piece.id for piece in found.pieces] == ids[: len(found.pieces)]
        whole = len(found.pieces) == len(ids)
        assert whole != ("pieces are drawn" in found.note)
        escaped = any("\\" in piece.text for piece in found.pieces)
        if whole and not escaped and tokenizer.info.capability.round_trip == "lossless":
            assert raw(found.pieces) == telling.text.encode()
        for piece, token_id in zip(found.pieces, ids, strict=False):
            if tokenizer.kind(token_id) == "unknown":
                assert piece.text == "<unknown>"
            else:
                assert piece.partial == ("\ufffd" in tokenizer.token_bytes(token_id).decode("utf-8", "replace"))


def test_what_is_inserted_or_lost_is_said() -> None:
    notes = {}
    for spec in FIXTURES:
        (group,) = groups([exactness_run(spec)])
        for found, telling in zip(tokenizer_pictures(group.entries[0]), load_tellings(), strict=True):
            notes[spec, telling.name] = found.note
    assert "“·” in front was inserted." in notes["sentencepiece:@tiny.model", "word"]
    assert "are not the text; they decode to “a·b·a·b”." in notes["sentencepiece:@tiny.model", "u2581"]
    assert "they decode to “two·spaces”." in notes["hf:@tiny-wordpiece.json", "spaces"]
    assert not any("inserted" in note or "decode" in note for (spec, _), note in notes.items() if spec == "bytes")


def test_a_portrait_gathers_the_suites() -> None:
    tiny = describe(load_tokenizer("hf:@tiny.json"))
    bits = Metric(metric="census.ambiguity", value=3.75, n=200, lo=3.5, hi=4.0, method="clustered")
    aligned = Metric(
        metric="alignment.answers", value=0.5, k=81, n=162, lo=0.42, hi=0.58, filter="all", method="wilson"
    )
    runs = [
        exactness_run("hf:@tiny.json"), exactness_run("bytes"),
        make_run("phantom", "hf-tiny", [], [bits], tokenizer=tiny),
        make_run("arithmetic", "hf-tiny", [], [aligned], tokenizer=tiny),
    ]  # fmt: skip
    found = groups(runs)
    first, second = tokenizer_portraits(found)
    assert (first.title, second.title) == ("bytes", "hf:@tiny.json")
    facts = dict(second.facts)
    assert facts["Ids"] == "1,003"
    assert facts["Ids without text"] == "44 (special, control, unknown, unused)"
    assert facts["Round trip, declared"] == "lossless"
    assert facts["File"] == "tiny.json, SHA-256 04125977f2ba"
    assert facts["Library"].startswith("tokenizers ")
    (table,) = second.tables
    rows = {row[0].text: row for row in table.rows}
    assert rows["Conformance laws"][1].text == "1 of 1 hold"
    assert rows["Ids that no tried text gives"][1].text == "2 of 1,000"
    assert [cell.text for cell in rows["Bytes a token (eng|micro)"][1:4]] == ["4.4000", "4.0000 to 4.8000", "10"]
    assert rows["How runs of digits are cut"][1].text == "left-3"
    assert rows["Bits of ways to spell a word"][1].text == "3.7500"
    assert rows["Sums aligned with the longest operand"][1].text == "50.00 %"
    anchors = {entry.anchor for group in found for entry in group.entries}
    assert {row[4].href.removeprefix("#") for row in table.rows} <= anchors
    own = [entry.anchor for group in found for entry in group.entries if entry.spec == "hf:@tiny.json"]
    assert [anchor for _, anchor in second.runs] == own
    assert len(second.pictures) == 12


def test_what_all_runs_of_a_group_say_is_said_once() -> None:
    tiny = describe(load_tokenizer("hf:@tiny.json"))
    bits = Metric(metric="census.ambiguity", value=3.75, n=200)
    differ = [Metric(metric="parity.mismatch", value=k / 9, k=k, n=9, filter=f"hf-{k}|all") for k in (1, 2)]
    runs = [make_run("phantom", f"t{at}", [], [bits], tokenizer=tiny, model=f"m{at}") for at in range(3)]
    runs += [make_run("exactness", f"t{at}", [], [row], tokenizer=tiny) for at, row in enumerate(differ)]
    (found,) = tokenizer_portraits(groups(runs))
    assert [row[1].text for row in found.tables[0].rows] == ["1 of 9", "2 of 9", "3.7500"]
    assert len(found.runs) == 5
    assert len(model_portraits(groups(runs))) == 3


def test_anchors_are_unique_and_last() -> None:
    tiny = describe(load_tokenizer("hf:@tiny.json"))
    other = make_run("phantom", "hf-tiny-2", [], tokenizer={**tiny, "fingerprint": "0" * 64})
    runs = [
        exactness_run("hf:@tiny.json"),
        make_run("phantom", "same/", [], tokenizer={"spec": "hf:@tiny/json"}),
        other,
    ]
    alone = tokenizer_portraits(groups(runs[:1]))[0].anchor
    found = tokenizer_portraits(groups(runs))
    assert len({one.anchor for one in found}) == 3
    assert alone in {one.anchor for one in found}
    assert all(re.fullmatch("[a-z0-9-]+", one.anchor) for one in found)
    titles = [one.title for one in found]
    assert len({*titles}) == 3, "two fingerprints of one spec are told apart"


def test_a_run_without_pictures_has_a_portrait_without_them() -> None:
    (found,) = tokenizer_portraits(groups([make_run("exactness", "old", [])]))
    assert (found.pictures, found.tables) == ([], [])


def test_a_portrait_of_a_tokenizer_is_small() -> None:
    for spec in FIXTURES:
        (found,) = tokenizer_portraits(groups([exactness_run(spec)]))
        assert sum(len(text.encode()) for text in strings(asdict(found))) < 4000
        assert sum(len(one.pieces) for one in found.pictures) <= 12 * MOST_PIECES


# ---------------------------------------------------------------------- models


@pytest.fixture(scope="module")
def characters(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a toy that is wrong where the tokens of the word are long."""
    tokenizer = load_tokenizer("hf:@tiny.json")
    items = build_items("smoke", "natural", ("find_first", "count_char"))
    model = load_completion_model("scripted:const-1", tokenizer=tokenizer, responders=responders(tokenizer))
    samples = charbench.answer_samples(model, items, prompt_id="plain", decoding=Decoding())
    folder = tmp_path_factory.mktemp("characters")
    cut = pl.concat([features(items, tokenizer, context) for context in ("bare", "in_prompt")])
    files = {}
    for name, table in (("items", frame(items)), ("features", cut)):
        data = table_bytes(table)
        (folder / f"{name}.parquet").write_bytes(data)
        files[f"{name}.parquet"] = file_entry(data, table.height)
    return make_run(
        "charbench", "hf-tiny", samples, model="scripted:const-1", tokenizer=describe(tokenizer), directory=folder,
        files=files,
    )  # fmt: skip


def sums_run(*formats: str) -> Run:
    """Two toys that make errors of their own answer a part of the sums each."""
    tokenizer = l2r()
    conditions = [plain(name, 0) for name in formats or ("nosep",)]
    items = list(build_sums(build_cases("smoke", shots=0)[:90], conditions))
    samples = []
    for name, part in (("digit4", items[:60]), ("chunkwise", items[60:])):
        model = load_completion_model(f"scripted:{name}", tokenizer=tokenizer, responders=adders(tokenizer))
        samples += arithmetic.answer_samples(model, tokenizer, part, decoding=Decoding(max_tokens=None))
    return make_run("arithmetic", "toy", samples, model="scripted:some")


def edits_run() -> Run:
    house, window = TEXT.index(" house"), TEXT.index(" window")
    samples = []
    for place, (word, start, parts) in enumerate((
        ("house", house, [" ", "h", "o", "u", "s", "e"]), ("window", window, [" w", "i", "n", "d", "o", "w"]),
    )):  # fmt: skip
        strange = reply(TEXT, recut(TINY, TEXT, start, start + len(word) + 1, parts))
        entry = replace(item(word, marking="ordinal"), item_id=f"phantom-1/common/{place}/ordinal")
        samples += rows_of(entry, strange, grade(entry, strange, TINY))
    same = item("old", marking="copy")
    samples += rows_of(same, canonical_reply(TINY, TEXT), grade(same, canonical_reply(TINY, TEXT), TINY))
    return make_run("phantom", "hf-tiny", samples, model="openai:x")


def test_examples_of_charbench_show_the_word_in_its_tokens(characters: Run) -> None:
    (found,) = model_portraits(groups([characters]))
    assert found.title == "scripted:const-1 (toy)"
    assert dict(found.facts)["Kind"].startswith("toy")
    wrong = [row for row in characters.sample_rows if row.outcome == "wrong"]
    assert dict(found.facts)["Examples, charbench"].endswith(f"; 6 of {len(wrong)} wrong answers")
    assert len(found.pictures) == 6
    # tasks take turns, the one with the most wrong answers first
    assert [one.title.partition(":")[0] for one in found.pictures] == ["find_first", "count_char"] * 3
    first = min(row.item_id for row in wrong if row.stratum == "find_first")
    asked = {row["item_id"]: row for row in characters.table("items").iter_rows(named=True)}
    assert found.pictures[0].title == f"find_first: {asked[first]['word']}"
    for one in found.pictures:
        task, _, word = one.title.partition(": ")
        assert "".join(piece.text for piece in one.pieces) == word
        row = next(row for row in asked.values() if (row["task"], row["word"]) == (task, word))
        assert "Said “1”; right is “" in one.note
        assert f"'{word}'" in one.note
        if row["gold_index"] is None:
            assert not any(piece.marked for piece in one.pieces)
            continue
        ends, position = [], 0
        for piece in one.pieces:
            ends.append((position, position + len(piece.text), piece.marked))
            position += len(piece.text)
        assert [start <= row["gold_index"] < end for start, end, _ in ends] == [marked for *_, marked in ends]


def test_a_question_in_other_wordings_is_not_shown(characters: Run) -> None:
    options = {**characters.group("run"), "options": {"prompts": {"x": "y"}}}
    changed = Run({**characters.record, "run": options}, characters.sample_rows, [], characters.directory)
    (found,) = model_portraits(groups([changed]))
    assert len(found.pictures) == 6
    assert all(one.note.startswith("Said ") for one in found.pictures)


def test_without_the_tables_there_is_no_picture_of_a_word(characters: Run) -> None:
    (found,) = model_portraits(groups([Run(characters.record, characters.sample_rows, [])]))
    assert found.pictures == []


def test_examples_of_arithmetic_show_chunks_and_wrong_digits() -> None:
    run = sums_run()
    (found,) = model_portraits(groups([run]))
    wrong = {(row.detail or {})["calculation"]: row for row in run.sample_rows if row.outcome == "wrong"}
    assert found.pictures
    assert any(piece.marked for one in found.pictures for piece in one.pieces)
    for one in found.pictures:
        row = wrong[one.title]
        assert row.detail is not None
        text = "".join(piece.text for piece in one.pieces).replace(" ", "")
        question, _, truth = text.partition("=")
        assert question == one.title
        assert truth == row.gold
        chunks, wrong_digits = row.detail["chunks"], row.detail["wrong_digits"]
        assert isinstance(chunks, list)
        assert isinstance(wrong_digits, list)
        shown = [piece for piece in one.pieces if piece.text.isdigit()]
        assert [len(piece.text) for piece in shown] == [size for sizes in chunks for size in sizes]
        assert f"Said “{row.detail['value']}”; right is “{truth}”." in one.note
        position, hit = 0, []
        for piece in shown[-len(chunks[2]) :]:
            digits = range(position + 1, position + len(piece.text) + 1)
            hit.append(any(digit in digits for digit in wrong_digits))
            position += len(piece.text)
        assert hit == [piece.marked for piece in shown[-len(chunks[2]) :]]


def test_the_most_frequent_error_comes_first() -> None:
    run = sums_run()
    rows = [row for row in run.sample_rows if row.outcome == "wrong"]
    kinds = [str((row.detail or {})["label"]).partition(":")[0] for row in rows]
    most = max(sorted(set(kinds)), key=kinds.count)
    (found,) = model_portraits(groups([run]))
    assert f" {most}" in found.pictures[0].note
    first = min(row.item_id for row, kind in zip(rows, kinds, strict=True) if kind == most)
    assert found.pictures[0].title == next(
        row.detail["calculation"] for row in rows if row.item_id == first and row.detail
    )


def test_one_calculation_is_no_two_examples_of_an_error() -> None:
    (found,) = model_portraits(groups([sums_run("nosep", "comma_r2l")]))
    kinds = [(one.title, one.note.partition("”. ")[2].partition(";")[0]) for one in found.pictures]
    assert len(kinds) == len({*kinds}) == 6


def test_examples_of_phantom_show_both_cuts() -> None:
    (found,) = model_portraits(groups([edits_run()]))
    assert dict(found.facts)["Kind"].startswith("toy")
    assert len(found.pictures) == 2
    house = next(one for one in found.pictures if one.title.startswith("house"))
    arrow = next(at for at, piece in enumerate(house.pieces) if "→" in piece.text)
    before, after = house.pieces[:arrow], house.pieces[arrow + 1 :]
    tokens = dict(zip(TINY.spans(TEXT), TINY.encode(TEXT), strict=True))
    start = TEXT.index(" house")
    inside = [id_ for (first, last), id_ in tokens.items() if first >= start and last <= start + 6]
    assert [piece.id for piece in before] == inside
    assert [piece.text for piece in after] == ["·", "h", "o", "u", "s", "e"]
    assert all(piece.marked for piece in after[:1])
    assert "".join(piece.text for piece in before) == "·house"
    assert "Marked: cut in another way." in house.note


def test_order_of_rows_and_runs_changes_nothing(characters: Run) -> None:
    runs = [exactness_run("hf:@tiny.json"), characters, sums_run(), edits_run()]
    first = (tokenizer_portraits(groups(runs)), model_portraits(groups(runs)))
    rng = random.Random(0)
    mixed = []
    for run in reversed(runs):
        rows = list(run.sample_rows)
        rng.shuffle(rows)
        mixed.append(Run(run.record, rows, list(reversed(run.metric_rows)), run.directory))
    assert (tokenizer_portraits(groups(mixed)), model_portraits(groups(mixed))) == first


def test_an_unrelated_run_changes_no_portrait(characters: Run) -> None:
    alone = model_portraits(groups([characters]))
    assert model_portraits(groups([characters, sums_run(), exactness_run("bytes")]))[0] == alone[0]


# ---------------------------------------------------------------------- hostile strings


def test_nothing_hostile_reaches_a_portrait(hostile: str, characters: Run) -> None:
    text = hostile + "\u0301\udc80"
    spoilt = picture_rows(load_tokenizer("bytes"), [Telling(name="x", title=text, see=text, text="x")]).samples[0]
    detail = {**(spoilt.detail or {}), "kinds": [text], "bytes": [None, "ff"], "decoded": text}
    rows = [
        replace(spoilt, item_id=f"picture/{text}", outcome="skipped", gold=text, detail=detail, message=text),
        replace(spoilt, item_id="picture/no", detail={"title": 7, "see": [text], "bytes": text}, message=text),
        replace(spoilt, item_id="picture/none", detail=None, ids=None, gold=None),
    ]
    tokenizer = {
        "spec": text, "fingerprint": text, "family": text, "n_ids": 5, "n_vocab": 6, "libraries": {text: text},
        "capability": {"summary": text, "prefix": text}, "files": [{"name": text, "sha256": text}, text],
    }  # fmt: skip
    runs = [make_run("exactness", "x", rows, tokenizer=tokenizer)]
    model = {"spec": text, "fingerprint": text, "backend": text, "settings": [[text, text], text], "synthetic": False}
    for run in (sums_run(), edits_run(), characters):
        spoiled = [
            replace(row, completion=text, gold=text, cluster=row.cluster + text, detail={
                **(row.detail or {}), "parsed": text, "value": text, "condition": text, "word": text, "marking": text,
            })
            for row in run.sample_rows
        ]  # fmt: skip
        runs.append(Run({**run.record, "model": model}, spoiled, [], run.directory))
    found = [*tokenizer_portraits(groups(runs)), *model_portraits(groups(runs))]
    assert sum(len(one.pictures) for one in found) > 10
    assert_visible(found)


def test_malformed_details_are_passed_over(characters: Run) -> None:
    for changed in ({"chunks": [[1], [2]]}, {"chunks": "x"}, {"calculation": "1/0"}, {"chunks": [[0], [1], [1]]}):
        run = sums_run()
        rows = [replace(row, detail={**(row.detail or {}), **changed}) for row in run.sample_rows]
        assert model_portraits(groups([Run(run.record, rows, [])]))[0].pictures == []
    rows = [replace(row, detail={**(row.detail or {}), "prompt_id": "none", "rendering": 7})
            for row in characters.sample_rows]  # fmt: skip
    (found,) = model_portraits(groups([Run(characters.record, rows, [], characters.directory)]))
    assert all(one.note.startswith("Said ") for one in found.pictures)
