"""What bytes may come next: constraints by themselves, and text that is drawn under them."""

from __future__ import annotations

import math
import random
import re
from collections import deque
from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from byte_toys import Case, text_toy
from golden_toys import LEAKY, byte_model, constant, markov
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokbench.bytelevel import All, ByteModel, ByteRegex, Choices, Constraint, Prefix, Utf8
from tokbench.bytelevel.readings import END, OTHER
from tokbench.errors import OptionError, UnpairedSurrogateError
from tokbench.models import load_byte_model


def allowed(constraint: Constraint, data: bytes) -> tuple[set[int], bool] | None:
    """Bytes that may follow ``data`` and whether it may end there; None where it is not allowed itself."""
    state = constraint.start()
    for byte in data:
        if not constraint.allowed(state)[0][byte]:
            return None
        state = constraint.advance(state, byte)
    mask, may_end = constraint.allowed(state)
    assert (mask.shape, mask.dtype) == ((256,), np.dtype(np.bool_))
    return set(np.flatnonzero(mask).tolist()), bool(may_end)


def accepts(constraint: Constraint, data: bytes) -> bool:
    found = allowed(constraint, data)
    return found is not None and found[1]


def completion(constraint: Constraint, data: bytes, *, most: int = 5000) -> bytes | None:
    """Some allowed text that begins with ``data``, a shortest one; None where ``most`` steps find none."""
    state = constraint.start()
    for byte in data:
        state = constraint.advance(state, byte)
    waiting, seen = deque([(state, data)]), {state}
    while waiting and len(seen) < most:
        state, text = waiting.popleft()
        mask, may_end = constraint.allowed(state)
        if may_end:
            return text
        for byte in np.flatnonzero(mask).tolist():
            after = constraint.advance(state, byte)
            if after not in seen:
                seen.add(after)
                waiting.append((after, text + bytes([byte])))
    return None


@pytest.fixture(scope="module")
def shipped() -> ByteModel:
    return load_byte_model("ngram:tiny")


# ---------------------------------------------------------------------- the small ones


def test_choices() -> None:
    choices = Choices(["yes", "yesterday", b"no", "\u00e9", "no"])
    assert allowed(choices, b"") == ({ord("y"), ord("n"), 0xC3}, False)
    assert allowed(choices, b"yes") == ({ord("t")}, True)
    assert allowed(choices, b"no") == (set(), True)
    assert allowed(choices, b"\xc3") == ({0xA9}, False)
    assert allowed(choices, b"nx") is None
    assert allowed(Choices([""]), b"") == (set(), True)


def test_choices_need_a_choice() -> None:
    with pytest.raises(OptionError, match="at least one text"):
        Choices([])
    with pytest.raises(UnpairedSurrogateError):
        Choices(["\ud800"])


def test_prefix() -> None:
    begins = Prefix("a\u00e9")
    assert allowed(begins, b"") == ({ord("a")}, False)
    assert allowed(begins, b"a\xc3") == ({0xA9}, False)
    assert allowed(begins, b"a\xc3\xa9") == (set(range(256)), True)
    assert allowed(begins, b"a\xc3\xa9\xff\x00") == (set(range(256)), True)
    assert allowed(Prefix(b""), b"") == (set(range(256)), True)


@given(st.lists(st.integers(0, 255), max_size=8).map(bytes))
@settings(max_examples=200)
def test_utf8_is_what_decodes(data: bytes) -> None:
    try:
        data.decode()
        valid = True
    except UnicodeDecodeError:
        valid = False
    assert accepts(Utf8(), data) == valid


@given(st.text(max_size=6))
def test_utf8_lets_every_text_through(text: str) -> None:
    assert accepts(Utf8(), text.encode())


@given(st.randoms(use_true_random=False))
def test_utf8_never_leads_into_a_dead_end(rng: random.Random) -> None:
    data = b""
    for _ in range(12):
        found = allowed(Utf8(), data)
        assert found is not None
        data += bytes([rng.choice(sorted(found[0]))])
    whole = completion(Utf8(), data)
    assert whole is not None
    whole.decode()


def test_several_at_once() -> None:
    both = All(ByteRegex("[ab]{2,4}"), Choices(["ab", "abc", "ba", "abab", "b"]))
    assert allowed(both, b"") == ({ord("a"), ord("b")}, False)
    assert allowed(both, b"ab") == ({ord("a")}, True)
    assert allowed(both, b"aba") == ({ord("b")}, False)
    assert allowed(both, b"b") == ({ord("a")}, False)  # b alone is a choice, and too short
    assert allowed(All(), b"\xff") == (set(range(256)), True)
    clash = All(ByteRegex("ab|cd"), ByteRegex("ad|cb"))  # each could go on, and not together
    assert allowed(clash, b"a") == (set(), False)


# ---------------------------------------------------------------------- regular expressions


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("", [""], ["a"]),
        ("a|", ["", "a"], ["b", "aa"]),
        (r"-?\d+(?:\.\d{2})?", ["0", "-12", "3.14"], ["", "-", "3.1", "3.141", "\u0663"]),
        ("[^a-c]", ["d", "\u00e9", "\U0001f999", "\n"], ["a", "c", "", "dd"]),
        (".", ["a", "\u4e2d", "\x00"], ["\n", ""]),
        (r"\w\W\s\S\D", ["a \t.x"], ["\u00e9 \t.x", "aa \t.x", "a \t.1"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[a-]", ["-", "a"], ["b"]),
        (r"[\]\-\\\n\x41]", ["]", "-", "\\", "\n", "A"], ["n", "x"]),
        (r"\[\]\.\*\n\t\r\f\v\0\a", ["[].*\n\t\r\f\v\0\a"], ["[].*"]),
        ("(a(b|c)*){2}", ["aa", "abcabb"], ["a", "aaa", "ba"]),
        ("a{2,}", ["aa", "aaaaa"], ["a"]),
        ("a{0}b{0,1}", ["", "b"], ["a", "bb"]),
        ("(?:)", [""], ["a"]),
        ("\u00e9+", ["\u00e9", "\u00e9\u00e9"], ["e", ""]),
        ("[\u0391-\u03c9]{2}", ["\u03b1\u03c9"], ["ab", "\u03b1", "\u03ca\u03b1"]),
        ("[\U00010000-\U0010ffff]", ["\U0001f999", "\U0010ffff"], ["\uffff"]),
        (r"\x80", ["\x80"], ["\u20ac"]),
    ],
)
def test_expressions(pattern: str, matching: Sequence[str], other: Sequence[str]) -> None:
    compiled = ByteRegex(pattern)
    for text in matching:
        assert accepts(compiled, text.encode()), text
        assert re.fullmatch(pattern, text, re.ASCII)
    for text in other:
        assert not accepts(compiled, text.encode()), text
        assert not re.fullmatch(pattern, text, re.ASCII)


def test_expressions_over_bytes() -> None:
    assert allowed(ByteRegex(rb"\xc3[\x80-\x8f]."), b"\xc3") == (set(range(0x80, 0x90)), False)
    assert allowed(ByteRegex(b"."), b"") == (set(range(256)) - {10}, False)
    assert allowed(ByteRegex(b"[^a]"), b"") == (set(range(256)) - {97}, False)
    assert allowed(ByteRegex("\u00e9".encode()), b"\xc3") == ({0xA9}, False)


def test_masks_lead_only_to_matches() -> None:
    # behind a the class is empty, so the mask does not offer a
    assert allowed(ByteRegex(r"a[^\s\S]|b"), b"") == ({ord("b")}, False)
    assert allowed(ByteRegex(r"(?:a[^\s\S])*"), b"") == (set(), True)


REFUSED = [
    ("(", "closing parenthesis"), (")", "closing parenthesis"), ("a)b", "closing parenthesis"),
    ("[a", "closing bracket"), ("[", "closing bracket"), ("[]", "closing bracket"), ("[z-a]", "range"),
    (r"[a-\d]", "range"), (r"[\d-z]", "range"), ("*a", "in front of a quantifier"), ("a|*", "in front of"),
    ("(?:+)", "in front of"), ("a**", "one quantifier"), ("a+?", "lazy"), ("a*+", "possessive"), ("a??", "lazy"),
    ("a{2}{3}", "one quantifier"), ("a{", "{m}"), ("a{,3}", "{m}"), ("a{x}", "{m}"), ("a{3,2}", "m <= n"),
    ("a{1,x}", "{m}"), ("a{1001}", "1000"), ("^a", "anchors"), ("a$", "anchors"), (r"\b", "escape"), (r"\1", "escape"),
    (r"\A", "escape"), (r"\u0041", "escape"), ("a\\", "escape"), (r"\x4", "hexadecimal"), (r"\xg0", "hexadecimal"),
    ("(?=a)", "group"), ("(?!a)", "group"), ("(?<=a)", "group"), ("(?P<x>a)", "group"), ("(?i)a", "group"),
    (r"[^\s\S]", "some text matches"), ("\ud800", "some text matches"), ("(" * 60 + ")" * 60, "inside each other"),
    ("((a{999}){999}){999}", "smaller"), ("(" * 40 + "a" + ")*" * 40, "smaller"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "words"), REFUSED)
def test_what_is_not_understood_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(OptionError, match=words.translate({ord("{"): r"\{"})) as error:
        ByteRegex(pattern)
    assert isinstance(error.value, ValueError)
    assert "\n" not in str(error.value)


LITERALS = ["a", "b", "1", " ", "\n", "_", "\u00e9", "\u00ff", "\u4e2d", "\u07ff", "\u0800", "\ud7ff", "\ue000",
            "\uffff", "\U0001f999", "\U0010ffff"]  # fmt: skip
ESCAPES = [r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", r"\n", r"\x61", r"\xe9", r"\.", r"\\"]


def member_ranges(literals: Sequence[str]) -> st.SearchStrategy[str]:
    """Members of a class: single ones, ranges, escapes."""
    pairs = st.lists(st.sampled_from(literals), min_size=2, max_size=2).map(sorted)
    return st.one_of(
        st.sampled_from([*literals, *ESCAPES]), pairs.map(lambda pair: f"{re.escape(pair[0])}-{re.escape(pair[1])}")
    )


def atoms(literals: Sequence[str]) -> st.SearchStrategy[str]:
    classes = st.tuples(st.sampled_from(["[", "[^"]), st.lists(member_ranges(literals), min_size=1, max_size=3))
    return st.one_of(
        st.sampled_from([*literals, *ESCAPES, "."]), classes.map(lambda parts: parts[0] + "".join(parts[1]) + "]")
    )


def patterns(literals: Sequence[str]) -> st.SearchStrategy[str]:
    """Regular expressions that Python and ours both understand."""
    counts = st.sampled_from(["*", "+", "?", "{0}", "{1}", "{2}", "{1,3}", "{0,2}", "{2,}"])

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        groups = inner.map(lambda part: f"(?:{part})") | inner.map(lambda part: f"({part})")
        return st.one_of(
            st.tuples(groups | atoms(literals), counts).map("".join),
            st.lists(groups | atoms(literals), max_size=3).map("".join),
            st.lists(inner, min_size=1, max_size=3).map("|".join).map(lambda part: f"({part})"),
        )

    return st.recursive(atoms(literals), larger, max_leaves=6)


def compiled(pattern: str | bytes) -> ByteRegex:
    try:
        return ByteRegex(pattern)
    except OptionError as error:
        assume("some text matches" not in str(error))
        raise


TEXTS = st.lists(st.sampled_from([*LITERALS, "c", "\\", "."]), max_size=5).map("".join)


@pytest.mark.property
@given(patterns(LITERALS), st.lists(TEXTS, min_size=1, max_size=6))
@settings(max_examples=300)
def test_text_patterns_match_as_in_python(pattern: str, some: list[str]) -> None:
    ours, python = compiled(pattern), re.compile(pattern, re.ASCII)
    for text in some:
        assert accepts(ours, text.encode()) == (python.fullmatch(text) is not None)


@pytest.mark.property
@given(patterns(["a", "b", "1", " ", "\n", "\x80", "\xc3", "\xff"]), st.lists(st.binary(max_size=4), min_size=1))
@settings(max_examples=200)
def test_byte_patterns_match_as_in_python(pattern: str, some: list[bytes]) -> None:
    data = pattern.encode("latin-1")
    ours, python = compiled(data), re.compile(data)
    for text in (*some, b"a", b"ab1", b"\xc3\xff", b""):
        assert accepts(ours, text) == (python.fullmatch(text) is not None)


@pytest.mark.property
@given(patterns(LITERALS), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_no_mask_leads_into_a_dead_end(pattern: str, rng: random.Random) -> None:
    ours, python = compiled(pattern), re.compile(pattern, re.ASCII)
    data = b""
    for _ in range(10):
        found = allowed(ours, data)
        assert found is not None
        if not found[0]:
            assert found[1]
            break
        data += bytes([rng.choice(sorted(found[0]))])
        whole = completion(ours, data)
        assert whole is not None
        assert python.fullmatch(whole.decode())  # whatever was allowed goes on to a match, and to valid UTF-8


BORDERS = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0x10FFFF]
POINTS = st.one_of(
    st.sampled_from(BORDERS).flatmap(lambda at: st.integers(max(0, at - 65), min(0x10FFFF, at + 65))),
    st.integers(0, 0x10FFFF),
)


@pytest.mark.property
@given(POINTS, POINTS, st.lists(POINTS, max_size=20))
@settings(max_examples=300)
def test_ranges_of_characters_are_their_utf8(one: int, two: int, more: list[int]) -> None:
    lo, hi = sorted((one, two))
    assume(not (lo >= 0xD800 and hi <= 0xDFFF))
    ours = ByteRegex(f"[{re.escape(chr(lo))}-{re.escape(chr(hi))}]")
    for point in (lo - 1, lo, lo + 1, hi - 1, hi, hi + 1, *more):
        if 0 <= point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF:
            assert accepts(ours, chr(point).encode()) == (lo <= point <= hi)
    assert not accepts(ours, b"\xed\xa0\x80")  # a surrogate
    assert not accepts(ours, b"\xc0\x80")  # longer than it has to be
    assert not accepts(ours, b"\xf4\x90\x80\x80")  # behind the last character


# ---------------------------------------------------------------------- text drawn under them


def masked_mass(model: ByteModel, prompt: bytes, data: bytes, constraint: Constraint, *, ended: bool) -> float:
    """Sum over the steps of an output of the logarithm of the mass that the constraint left, by hand."""
    total = 0.0
    for at in range(len(data) + ended):
        found = model.next_byte_logprobs(prompt + data[:at]).probabilities[:OTHER]
        known = allowed(constraint, data[:at])
        assert known is not None
        mask: NDArray[np.bool_] = np.zeros(OTHER, np.bool_)
        mask[sorted(known[0])] = True
        mask[END] = known[1]
        total += math.log(found[mask].sum() / found.sum())
    return total


@pytest.mark.parametrize("speculate", [False, True])
@pytest.mark.parametrize("options", [{}, {"temperature": 0.7}, {"top_p": 0.9}, {"temperature": 0.0}])
def test_drawn_text_keeps_the_constraint(
    shipped: ByteModel,
    options: dict[str, float],
    speculate: bool,  # noqa: FBT001, a parameter
) -> None:
    pattern = "[a-z]{2,5}( [a-z\u00e9]{1,6}){2}"
    constraint = ByteRegex(pattern)
    outputs = shipped.generate(
        ["The ", "The toke"],
        constraint=constraint,
        max_bytes=60,
        seed=4,
        speculate=speculate,
        **options,  # type: ignore[arg-type]
    )
    for prompt, out in zip((b"The ", b"The toke"), outputs, strict=True):
        ended = out.finish_reason == "end"
        assert ended
        assert re.fullmatch(pattern, out.text)
        wanted = masked_mass(shipped, prompt, out.data, constraint, ended=ended)
        assert out.log_allowed == pytest.approx(wanted, abs=1e-9)
        assert out.log_allowed < 0


def test_without_a_constraint_nothing_is_taken_away(shipped: ByteModel) -> None:
    (out,) = shipped.generate("The ", max_bytes=8, seed=1)
    assert out.log_allowed == 0
    (free,) = shipped.generate("The ", max_bytes=8, seed=1, constraint=Prefix(b""))
    assert free.data == out.data
    assert free.log_allowed == pytest.approx(0, abs=1e-12)


def test_utf8_as_a_constraint_is_utf8_only() -> None:
    case = Case(text_toy(0), 9, 1.0, "ids", "canonical_context", "byte")
    (masked,) = case.over().generate(b"a", max_bytes=6, temperature=0, constraint=Utf8())
    (only,) = case.over(utf8_only=True).generate(b"a", max_bytes=6, temperature=0)
    assert masked.data == only.data
    assert allowed(Utf8(), masked.data) is not None  # it may end inside a character: that is its length's doing


def test_a_stop_takes_the_masses_behind_it_away(shipped: ByteModel) -> None:
    constraint = ByteRegex("[a-z ]{1,40}")
    (whole,) = shipped.generate("The ", max_bytes=12, seed=2, constraint=constraint)
    (out,) = shipped.generate("The ", max_bytes=12, seed=2, constraint=constraint, stop=[whole.data[5:7]])
    assert out.finish_reason == "stop"
    wanted = masked_mass(shipped, b"The ", out.data, constraint, ended=False)
    assert out.log_allowed == pytest.approx(wanted, abs=1e-9)


def test_constraints_that_the_model_cannot_keep_are_dead_ends() -> None:
    (out,) = byte_model(markov).generate(b"A", constraint=ByteRegex("Ax"))
    assert (out.data, out.finish_reason) == (b"A", "dead_end")
    (out,) = byte_model(markov).generate(b"A", constraint=All(ByteRegex("AB|BA"), ByteRegex("AA|BB")))
    assert out.finish_reason == "dead_end"
    (out,) = byte_model(markov).generate(b"A", constraint=Choices(["AB"]))  # this model never ends a text
    assert (out.data, out.finish_reason) == (b"AB", "dead_end")


class Even:
    """A constraint of a user's own: an even number of bytes."""

    def start(self) -> int:
        return 0

    def allowed(self, state: object) -> tuple[NDArray[np.bool_], bool]:
        return np.ones(256, np.bool_), state == 0

    def advance(self, state: object, byte: int) -> int:
        assert isinstance(state, int)
        return 1 - state


def test_constraints_can_be_written_by_anyone() -> None:
    model = byte_model(partial(constant, LEAKY))
    outputs = model.generate([b""] * 60, constraint=Even(), seed=3)
    assert {len(out.data) % 2 for out in outputs} == {0}
    assert len({len(out.data) for out in outputs}) > 2


CHOICES = ["A", "AB", "AAB", "B", "BAAA", ""]


@pytest.mark.parametrize("prompt", [b"", b"A", b"BAA"])
@pytest.mark.parametrize("reading", ["all", "canonical"])
def test_draws_among_choices_and_their_exact_scores(reading: str, prompt: bytes) -> None:
    # a chain that stops: nothing leaks, so that the chain rule holds for what was drawn
    model = byte_model(partial(markov, stop=True), reading=reading, renormalise="byte")
    scores = {score.data: score.value for score in model.choose(prompt, CHOICES, end=True)}
    outputs = model.generate([prompt] * 400, constraint=Choices(CHOICES), seed=1)
    assert {out.finish_reason for out in outputs} == {"end"}
    drawn = {out.data: out for out in outputs}
    assert set(drawn) == {choice.encode() for choice in CHOICES}
    for data, out in drawn.items():
        assert out.logprob == pytest.approx(scores[data], abs=1e-9)
    # what is drawn is the masked model, which is a distribution; the weights lead from it back to the scores
    masked = {data: math.exp(out.logprob - out.log_allowed) for data, out in drawn.items()}
    assert math.fsum(masked.values()) == pytest.approx(1)
    for data, share in masked.items():
        found = sum(out.data == data for out in outputs)
        assert abs(found - 400 * share) < 5 * math.sqrt(400 * share * (1 - share)) + 1
    total = math.fsum(math.exp(value) for value in scores.values())
    mean = math.fsum(masked[data] * math.exp(out.log_allowed) for data, out in drawn.items())
    assert mean == pytest.approx(total)
    if prompt == b"":  # and the masked model is not the conditioned one
        assert max(abs(masked[data] - math.exp(value) / total) for data, value in scores.items()) > 0.02


def test_choices_of_a_shipped_model(shipped: ByteModel) -> None:
    choices = ["n is", "ns are", "ns of the"]
    scores = shipped.choose("The toke", choices, end=True)
    singles = [shipped.logprob(choice, given="The toke", end=True).value for choice in choices]
    assert [score.value for score in scores] == pytest.approx(singles, rel=1e-9)
    (out,) = shipped.generate("The toke", constraint=Choices(choices), seed=1)
    assert out.text in choices
