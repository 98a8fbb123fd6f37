"""Filling in text: the layouts of published families, and the three rows against sums by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from fractions import Fraction

import pytest
from byte_toys import Ids, fraction_model, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st
from table_toys import TableTokenizer

from tokbench.bytelevel import ByteModel, PrefixModel
from tokbench.bytelevel.infill import ROWS, Layout, families, family_of, infill, laid_out
from tokbench.errors import InfillTokenError, OptionError, UnsupportedError
from tokbench.models import HashModel, load_model
from tokbench.models.info import Model
from tokbench.tokenizers import Tokenizer, load_tokenizer

F = Fraction

TEXT = {0: b"a", 1: b"b", 2: b"c", 3: b"ab", 4: b"\n", 5: b"abc"}
END, PRE, SUF, MID = 10, 11, 12, 13
FIM = {"<end>": END, "<fim_prefix>": PRE, "<fim_suffix>": SUF, "<fim_middle>": MID}
STARCODER = TableTokenizer(TEXT, specials=FIM)
CODESTRAL = TableTokenizer(TEXT, specials={"<end>": END, "[PREFIX]": PRE, "[SUFFIX]": SUF})


@pytest.fixture(scope="module")
def tiny() -> tuple[Model, Tokenizer]:
    return load_model("ngram:tiny"), load_tokenizer("hf:@tiny.json")


def table_model(rows: Mapping[Ids, Mapping[int, Fraction]], *, width: int = 14) -> PrefixModel:
    """A model by a table from ids; behind others the text ends."""

    def row(ids: Ids) -> list[Fraction | int]:
        found = rows.get(ids, {END: F(1)})
        return [found.get(token, 0) for token in range(width)]

    return fraction_model(row, end_ids=(END,))


# ---------------------------------------------------------------------- layouts


def test_families_are_told_with_their_source() -> None:
    known = families()
    assert set(known) == {"starcoder", "santacoder", "qwen-coder", "deepseek-coder", "code-llama", "codestral"}
    for name, family in known.items():
        assert family.name == name
        assert family.source
        assert {"PRE", "SUF"} <= set(family.names)
        assert len(set(family.names.values())) == len(family.names)
        for layout, order in family.orders.items():
            parts = order.split()
            assert {"prefix", "suffix"} <= set(parts) <= {"prefix", "suffix", *family.names}
            assert len(set(parts)) == len(parts)
            # what the model goes on from: the prefix, or nothing behind the special of the middle
            assert parts[-1] == ("MID" if layout == "psm" else "prefix")
    assert known["qwen-coder"].names["MID"] == "<|fim_middle|>"
    assert known["deepseek-coder"].names["SUF"] == "<\uff5cfim\u2581hole\uff5c>"
    assert "psm" not in known["codestral"].orders


LAID_OUT: list[tuple[Layout, Tokenizer, tuple[int, ...], bytes]] = [
    ("plain", STARCODER, (), b"ab"),
    ("psm", STARCODER, (PRE, 3, SUF, 2, 4, MID), b""),
    ("spm", STARCODER, (PRE, SUF, 2, 4, MID), b"ab"),
    ("spm", CODESTRAL, (SUF, 2, 4, PRE), b"ab"),
]


@pytest.mark.parametrize(("layout", "tokenizer", "ids", "last"), LAID_OUT)
def test_segments_are_laid_out_in_their_order(
    layout: Layout, tokenizer: Tokenizer, ids: tuple[int, ...], last: bytes
) -> None:
    assert laid_out(tokenizer, b"ab", b"c\n", layout) == (ids, last)


def test_empty_segments_and_those_that_are_no_text() -> None:
    assert laid_out(STARCODER, b"", b"", "psm") == ((PRE, SUF, MID), b"")
    assert laid_out(STARCODER, b"", b"c", "spm") == ((PRE, SUF, 2, MID), b"")
    bytewise = {index: bytes([byte]) for index, byte in enumerate(b"a\xc3\xa9")}
    specials = {"<fim_prefix>": 5, "<fim_suffix>": 6, "<fim_middle>": 7}
    free = TableTokenizer(bytewise, specials=specials)
    assert laid_out(free, b"a\xc3", b"\xa9a", "psm") == ((5, 0, 1, 6, 2, 0, 7), b"")
    strict = TableTokenizer(bytewise, specials=specials, takes_bytes=False)
    with pytest.raises(UnsupportedError, match="takes text only"):
        laid_out(strict, b"a\xc3", b"\xa9a", "psm")
    assert laid_out(strict, b"a\xc3", b"a", "spm") == ((5, 6, 0, 7), b"a\xc3")  # what comes last is not encoded


def test_text_that_spells_a_special_stays_text() -> None:
    table = {index: bytes([byte]) for index, byte in enumerate(b"<>_fimdlepruxs")}
    specials = {"<fim_prefix>": 20, "<fim_suffix>": 21, "<fim_middle>": 22}
    ids, last = laid_out(TableTokenizer(table, specials=specials), b"<fim_middle>", b"", "psm")
    assert (ids[0], ids[-2:], last) == (20, (21, 22), b"")
    assert all(token < 20 for token in ids[1:-2])


def test_a_family_can_be_asked_for() -> None:
    both = TableTokenizer(TEXT, specials=FIM | {"[PREFIX]": 14, "[SUFFIX]": 15})
    assert family_of(both, "spm", None).name == "starcoder"
    assert laid_out(both, b"ab", b"c", "spm", "codestral") == ((15, 2, 14), b"ab")


def test_special_tokens_that_are_missing_are_named(tiny: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = tiny
    for layout in ("psm", "spm"):
        with pytest.raises(InfillTokenError, match="no special token") as error:
            infill(model, tokenizer, "a", "b", layout=layout)
        assert isinstance(error.value, LookupError)
        assert error.value.layout == layout
    with pytest.raises(InfillTokenError) as error:
        laid_out(STARCODER, b"a", b"b", "psm", "qwen-coder")
    assert error.value.token == "<|fim_prefix|>"  # noqa: S105, a special token
    partly = TableTokenizer(TEXT, specials={"<fim_prefix>": 11, "<fim_suffix>": 12})
    with pytest.raises(InfillTokenError) as error:
        laid_out(partly, b"a", b"b", "psm", "starcoder")
    assert error.value.token == "<fim_middle>"  # noqa: S105, a special token
    with pytest.raises(InfillTokenError):
        laid_out(partly, b"a", b"b", "psm")
    with pytest.raises(InfillTokenError):
        laid_out(CODESTRAL, b"a", b"b", "psm")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"layout": "pms"}, "plain, psm, spm"), ({"rows": ["exactly"]}, "naive, healing, exact"),
     ({"rows": []}, "some of"),
     ({"max_bytes": 0}, "max_bytes=0"), ({"k": 0}, "k=0"), ({"layout": "psm", "family": "nobody"}, "starcoder"),
     ({"layout": "psm", "family": "codestral"}, "no other")],
)  # fmt: skip
def test_options_that_do_not_exist_are_refused(options: dict[str, object], words: str) -> None:
    tokenizer = CODESTRAL if options.get("family") == "codestral" else STARCODER
    model = HashModel(TEXT, end_ids=(END,), width=14)
    with pytest.raises(OptionError, match=words):
        infill(model, tokenizer, "a", "b", **options)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- three rows


def test_three_rows_of_a_shipped_model(tiny: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = tiny
    prompt, gold = "The engin", "eer works"
    naive, healing, exact = infill(model, tokenizer, prompt, gold=gold, max_bytes=24)
    assert [naive.row, healing.row, exact.row] == list(ROWS)
    byte_model = ByteModel(model, tokenizer)
    assert exact.gold_bits == pytest.approx(byte_model.logprob(gold, given=prompt).bits, rel=1e-12)
    assert exact.output.startswith(b"eer")
    assert not naive.output.startswith(b"eer")
    assert exact.gold_bits is not None
    assert naive.gold_bits is not None
    assert healing.gold_bits is not None
    assert exact.gold_bits < min(naive.gold_bits, healing.gold_bits)
    (drawn,) = byte_model.generate(prompt, max_bytes=24, temperature=0, stop=["\n"])
    assert (exact.output, exact.forwards, exact.positions) == (drawn.data, drawn.forwards, drawn.positions)
    assert exact.exact_match is False
    assert infill(model, tokenizer, prompt, gold=exact.output, max_bytes=24)[2].exact_match is True
    for row in (naive, healing):
        assert row.positions >= row.forwards > 0
        assert len(row.output) <= 24


def test_rows_come_as_they_were_asked_for(tiny: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = tiny
    exact, naive = infill(model, tokenizer, "The engin", rows=["exact", "naive"], max_bytes=4)
    assert (exact.row, naive.row) == ("exact", "naive")
    assert (exact.gold_bits, exact.exact_match) == (None, None)
    assert len(exact.output) == 4
    assert exact.finish_reason == naive.finish_reason == "length"


def test_the_naive_row_takes_the_likeliest_tokens(tiny: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = tiny
    rows = rows_of(model)
    ids = [*model.start_ids, *tokenizer.encode("The engin")]
    data = b""
    while len(data) < 12:
        ids.append(int(rows(tuple(ids)).argmax()))
        data += tokenizer.token_bytes(ids[-1])
    (naive,) = infill(model, tokenizer, "The engin", rows=["naive"], max_bytes=12)
    assert naive.output == data[:12]


TWO_TEXTS = {
    (): {0: F(1, 4), 5: F(3, 4)},  # abc, or a b b
    (0,): {1: F(1)},
    (0, 1): {1: F(1, 2), END: F(1, 2)},
    (3,): {2: F(1, 8), 4: F(7, 8)},  # what the naive prompt ab is followed by
    (0, 1, 1): {END: F(1)},
}


def test_three_rows_by_hand() -> None:
    model = table_model(TWO_TEXTS)
    naive, healing, exact = infill(model, STARCODER, "ab", gold="c", max_bytes=8)
    assert naive.gold_bits == pytest.approx(3)
    assert (naive.output, naive.finish_reason) == (b"", "stop")  # a newline is the likeliest
    assert healing.gold_bits == pytest.approx(0)  # behind nothing, of ab and abc only abc has any probability
    assert (healing.output, healing.finish_reason, healing.exact_match) == (b"c", "end", True)
    assert exact.gold_bits == pytest.approx(0)  # [a, b] is no encoding of ab, so that only abc is left
    # the other gold cannot be reached by tokens of the naive prompt
    naive, healing, exact = infill(model, STARCODER, "ab", gold="b")
    assert [naive.gold_bits, healing.gold_bits, exact.gold_bits] == [math.inf] * 3


def test_an_empty_gold_costs_nothing() -> None:
    for row in infill(table_model(TWO_TEXTS), STARCODER, "ab", gold=""):
        assert row.gold_bits == pytest.approx(0)


def test_nothing_that_can_be_healed_is_a_dead_end() -> None:
    model = table_model({(): {2: F(1)}})
    (healing,) = infill(model, STARCODER, "ab", rows=["healing"], gold="c", max_bytes=8)
    assert (healing.output, healing.finish_reason, healing.gold_bits) == (b"", "dead_end", math.inf)


@pytest.mark.parametrize("layout", ["psm", "spm"])
def test_rows_behind_the_specials_of_a_layout(layout: Layout) -> None:
    tokens = HashModel({**TEXT}, seed=3, end_ids=(END,), width=14)
    prefix, suffix, gold = b"ca", b"c\n", b"bc"
    context, last = laid_out(STARCODER, prefix, suffix, layout)
    behind = ByteModel(tokens, STARCODER, start=context)
    naive, healing, exact = infill(tokens, STARCODER, prefix, suffix, layout=layout, gold=gold, stop=(), max_bytes=6)
    assert exact.gold_bits == pytest.approx(behind.logprob(gold, given=last).bits)
    ids = tuple(STARCODER.encode(last.decode()))
    after = ByteModel(tokens, STARCODER, start=(*context, *ids))
    assert naive.gold_bits == pytest.approx(after.logprob(gold).bits)
    if layout == "psm":  # nothing hangs over behind the special of the middle: all rows are one
        assert naive.gold_bits == pytest.approx(healing.gold_bits)
        assert naive.gold_bits == pytest.approx(exact.gold_bits)
    else:
        assert naive.gold_bits != pytest.approx(exact.gold_bits)


def test_the_start_token_of_the_model_stands_in_front() -> None:
    tokens = HashModel({**TEXT}, seed=3, end_ids=(END,), start_ids=(END,), width=14)
    context, last = laid_out(STARCODER, b"ca", b"c", "spm")
    behind = ByteModel(tokens, STARCODER, start=(END, *context))
    (exact,) = infill(tokens, STARCODER, b"ca", b"c", layout="spm", gold=b"b", rows=["exact"])
    assert exact.gold_bits == pytest.approx(behind.logprob(b"b", given=last).bits)
    naive, _, plain = infill(tokens, STARCODER, b"ca", gold=b"b")
    assert plain.gold_bits == pytest.approx(ByteModel(tokens, STARCODER).logprob(b"b", given=b"ca").bits)
    after = ByteModel(tokens, STARCODER, start=(END, *STARCODER.encode("ca")))
    assert naive.gold_bits == pytest.approx(after.logprob(b"b").bits)


def test_outputs_end_where_they_are_told() -> None:
    tokens = HashModel({**TEXT}, seed=3, end_ids=(END,), end_share=0.001, width=14)
    (free,) = infill(tokens, STARCODER, "a", rows=["naive"], stop=(), max_bytes=30)
    assert (len(free.output), free.finish_reason) == (30, "length")
    cut = free.output[11:14]
    (out,) = infill(tokens, STARCODER, "a", rows=["naive"], stop=[cut, "zzz"], max_bytes=30)
    assert (out.output, out.finish_reason) == (free.output[: free.output.find(cut)], "stop")


# ---------------------------------------------------------------------- healing as defined


def _sequences(data: bytes) -> list[Ids]:
    """All ids that spell some bytes, the last one maybe with more behind."""
    found: list[Ids] = []
    for size in range(len(data) + 1):
        for ids in itertools.product(TEXT, repeat=size):
            spelled = [TEXT[token] for token in ids]
            joined = b"".join(spelled)
            if joined.startswith(data) and len(joined) - len(spelled[-1] if spelled else b"") < max(len(data), 1):
                found.append(ids)
    return found


@pytest.mark.property
@given(st.integers(0, 500), st.sampled_from(["ca", "cab", "b", "abab", ""]), st.sampled_from([b"b", b"bc", b"ca\n"]))
@settings(max_examples=30)
def test_healing_is_as_defined(seed: int, prompt: str, gold: bytes) -> None:
    """One token over what was dropped, then text as the byte model says it: by enumeration."""
    tokens = HashModel({**TEXT}, seed=seed, end_ids=(END,), width=14)
    rows = rows_of(tokens)
    ids = tuple(STARCODER.encode(prompt))
    (healing,) = infill(tokens, STARCODER, prompt, rows=["healing"], gold=gold)
    assert healing.gold_bits is not None
    if not ids:
        assert healing.gold_bits == pytest.approx(ByteModel(tokens, STARCODER).logprob(gold).bits)
        return
    kept, dropped = ids[:-1], TEXT[ids[-1]]
    over = [token for token, data in TEXT.items() if data.startswith(dropped)]
    total = math.fsum(math.exp(rows(kept)[token]) for token in over)
    found = 0.0
    for token in over:
        rest = (dropped + gold).removeprefix(TEXT[token])
        own = math.exp(rows(kept)[token])
        if TEXT[token].startswith(dropped + gold):
            found += own
        elif (dropped + gold).startswith(TEXT[token]):
            # what is behind is text of its own: canonical covers of it, by all sequences that there are
            for ids_behind in _sequences(rest):
                spelled = b"".join(TEXT[one] for one in ids_behind)
                if any(tuple(STARCODER.encode((spelled + more).decode()))[: len(ids_behind)] == ids_behind
                       for more in (b"", b"a", b"b", b"c", b"\n", b"bc")):  # fmt: skip
                    steps = [float(rows((*kept, token, *ids_behind[:at]))[one]) for at, one in enumerate(ids_behind)]
                    found += own * math.exp(math.fsum(steps))
    assert 2.0**-healing.gold_bits == pytest.approx(found / total, rel=1e-9)


def test_healing_more_tokens(tiny: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = tiny
    ids = tokenizer.encode("The engin")
    assert [tokenizer.token_bytes(token) for token in ids][-2:] == [b" eng", b"in"]
    one, two, all_of_them = (
        infill(model, tokenizer, "The engin", rows=["healing"], gold="eer", k=k)[0].gold_bits for k in (1, 2, 99)
    )
    (exact,) = infill(model, tokenizer, "The engin", rows=["exact"], gold="eer")
    assert one is not None
    assert two is not None
    assert exact.gold_bits == pytest.approx(two, abs=0.3)  # the token is " engineer", two back
    assert one > two + 5
    assert all_of_them == math.inf  # and none spells the whole prompt
