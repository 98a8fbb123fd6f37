"""Planted bugs for the byte-token core, each with the law that has to catch it on a fixed example."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import byte_laws as laws
import numpy as np
from byte_toys import Case, Toy, byte_vocabulary, make_toy
from golden_toys import LEAKY, byte_model, constant
from numpy.typing import NDArray
from pytest import MonkeyPatch  # noqa: PT013, this module holds no tests

from tokbench.bytelevel import _score, lazy, oneshot
from tokbench.bytelevel._byte_bpe import ByteBpeRule
from tokbench.bytelevel.bytestate import ByteState, _near_enough
from tokbench.bytelevel.canonical import Context
from tokbench.bytelevel.covers import Core, Grown, Node
from tokbench.bytelevel.masses import Masses
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.readings import END
from tokbench.bytelevel.session import Floats, Session
from tokbench.bytelevel.state import Cover
from tokbench.models import HashModel
from tokbench.tokenizers.patterns import PATTERNS
from tokbench.tokenizers.rules import BpeRules


@dataclass(frozen=True)
class ByteMutant:
    """A planted bug.

    Attributes:
        plant: Plants it; taken back at the end of the test.
        law: Raises AssertionError on an example where the bug shows, and nothing without the bug.
        why: The bug, in a few words.
    """

    plant: Callable[[MonkeyPatch], None]
    law: Callable[[], None]
    why: str


# ---------------------------------------------------------------------- examples


def _doubled() -> Toy:
    """Letters and longer tokens, two of them with a second id; ids that are no text, two ends, surplus rows."""
    table = {0: b"a", 1: b"b", 2: b"ab", 3: b"aba", 4: b"a", 5: b"ab", 6: b"bb"}
    rules = BpeRules(tokens={b"a": 0, b"b": 1, b"ab": 2, b"aba": 3, b"bb": 6}, ranks={b"ab": 0, b"aba": 1, b"bb": 2})
    vocabulary = byte_vocabulary(table, others=[7], ends=[8, 9])
    return make_toy(rules, vocabulary, [b"a", b"b"], family="ranks", utf8=False, pad=2)


def _spaces() -> Toy:
    tokens = {bytes([byte]): byte for byte in range(256)} | {b"in": 256, b" in": 257, b"  ": 258}
    rules = BpeRules(tokens=tokens, ranks=tokens, pattern=PATTERNS["gpt2"])
    vocabulary = byte_vocabulary({token: data for data, token in tokens.items()}, ends=[259])
    return make_toy(rules, vocabulary, [b" ", b"1", b"a"], family="gpt2", utf8=True, depth=2)


DOUBLED = _doubled()


def _case(reading: str = "all", renormalise: str | None = None, scale: float = 1.0) -> Case:
    return Case(DOUBLED, 3, scale, "ids", reading, renormalise)


def _bound() -> None:
    """7.2 with only the start context run."""
    model = byte_model(partial(constant, LEAKY), reading="all", renormalise=None, eps=0.9)
    truth = byte_model(partial(constant, LEAKY), reading="all", renormalise=None).next_byte_logprobs(b"A")
    laws.inside(model.next_byte_logprobs(b"A"), truth.probabilities, truth.log_weight)


def _budgets() -> None:
    for budget in range(1, 12):
        laws.certified(_case("all", "byte"), b"abab", {"eps": 0.0, "max_positions": budget})


def _relative() -> None:
    for seed in range(8):
        laws.relative(Case(DOUBLED, seed, 10.0, "ids", "all", None), b"abba", 0.1)


def _tiny_sums() -> None:
    """A byte whose tokens have a share of 1e-30, beside one that has nearly all."""
    logs = np.array([-math.log(2), -math.log(2) - 1e-9, -70.0, -71.0, -80.0])
    masses = Masses(logs)
    wanted = [math.log(math.exp(logs[0]) + math.exp(logs[1])), -70 + math.log1p(math.exp(-1)), -80.0]
    assert all(map(laws.close, masses.log_sums(np.array([0, 2, 4], np.intp)).tolist(), wanted))


def _sharp() -> None:
    for seed in range(6):
        laws.without_underflow(Case(DOUBLED, seed, 300.0, "ids", "all", None), b"aba")


def _end_with_bytes() -> None:
    hashed = HashModel(DOUBLED.vocabulary, seed=1, width=DOUBLED.width)
    found = ByteModel.over(hashed, DOUBLED.vocabulary, reading="all", eps=0, end_ids=(2, 8, 9)).next_byte_logprobs(b"a")
    without = byte_vocabulary({0: b"a", 1: b"b", 3: b"aba", 4: b"a", 5: b"ab", 6: b"bb"}, others=[7], ends=[2, 8, 9])
    wanted = ByteModel.over(hashed, without, reading="all", eps=0, end_ids=(2, 8, 9)).next_byte_logprobs(b"a")
    assert np.allclose(found.probabilities, wanted.probabilities, rtol=1e-9, atol=0)


def _lazy_share() -> None:
    model = byte_model(partial(constant, LEAKY), reading="all", eps=1e-3)
    outputs = model.generate([b"A"] * 3000, max_bytes=1, seed=11)
    share = Counter(out.data for out in outputs)[b"A"] / 3000
    assert abs(share - 31 / 40) < 5 * math.sqrt(31 / 40 * 9 / 40 / 3000)


def _behind_a_space() -> None:
    vocabulary = byte_vocabulary({0: b" ", 1: b"a", 2: b" a", 3: b"aa", 4: b"b"}, ends=[5])
    made = HashModel(vocabulary, seed=1)
    behind = ByteModel.over(made, vocabulary, reading="all", eps=0, prefix=b" ").start().push(b"a").next_byte_logprobs()
    plain = ByteModel.over(made, vocabulary, reading="all", eps=0)
    wanted = plain.logprob(b" a").value - plain.logprob(b" ").value
    assert laws.close(behind.log_weight, wanted)


# ---------------------------------------------------------------------- bugs


def _end_twice(patch: MonkeyPatch) -> None:
    honest = Cover.log_symbols

    def log_symbols(self: Cover, *, decided: bool = False) -> Floats:
        found = honest(self, decided=decided)
        found[END] += math.log(2)
        return found

    patch.setattr(Cover, "log_symbols", log_symbols)


def _end_twice_at_once(patch: MonkeyPatch) -> None:
    honest = oneshot._Tree._read_row

    def read_row(self: oneshot._Tree, text: oneshot._Text, node: Node) -> None:
        honest(self, text, node)
        if node.offset == len(text.data):
            text.end.append(text.end[-1])

    patch.setattr(oneshot._Tree, "_read_row", read_row)


def _cover_twice(patch: MonkeyPatch) -> None:
    honest = oneshot._Tree._read

    def read(self: oneshot._Tree, text: oneshot._Text, grown: Grown) -> None:
        honest(self, text, grown)
        if grown.node.token >= 0:
            text.weights[grown.node.offset].append(grown.node.weight)

    patch.setattr(oneshot._Tree, "_read", read)


def _pending_known_and_missing(patch: MonkeyPatch) -> None:
    honest = Cover.log_leak

    def log_leak(self: Cover) -> float:
        return float(np.logaddexp(honest(self), self.log_here()))

    patch.setattr(Cover, "log_leak", log_leak)


def _strict(patch: MonkeyPatch) -> None:
    honest = ByteBpeRule.step

    def step(self: ByteBpeRule, context: Context, token: int) -> Context | None:
        found = honest(self, context, token)
        return found if found is None or self.complete(found) else None

    patch.setattr(ByteBpeRule, "step", step)


def _cumulated(patch: MonkeyPatch) -> None:
    def log_sums(self: Masses, starts: NDArray[np.intp], first: int = 0) -> NDArray[np.float64]:
        parts = self._parts[first:]
        sums = np.concatenate(([0.0], np.cumsum(parts)))
        with np.errstate(divide="ignore", invalid="ignore"):
            found: NDArray[np.float64] = np.log(sums[[*starts[1:], len(parts)]] - sums[starts]) + self._top
        return found

    patch.setattr(Masses, "log_sums", log_sums)


def _single_precision(patch: MonkeyPatch) -> None:
    def exponentiate(self: Masses) -> None:
        self._top = 0.0  # one maximum for all ranges
        self._safe = True
        self._parts = np.exp(self.logs.astype(np.float32)).astype(np.float64)

    patch.setattr(Masses, "_exponentiate", exponentiate)


def _distance_for_scores(patch: MonkeyPatch) -> None:
    def known(cover: Cover, *, symbol: int | None, eps: float) -> bool:
        return _near_enough(cover, eps=eps)

    patch.setattr(_score, "_known", known)


def _lost_to_the_budget(patch: MonkeyPatch) -> None:
    honest = Cover.settle

    def settle(self: Cover, target: Callable[[Cover], bool] | None) -> None:
        honest(self, target)
        self.lost = -math.inf

    patch.setattr(Cover, "settle", settle)


def _lost_to_pruning(patch: MonkeyPatch) -> None:
    patch.setattr(Core, "alive", lambda self, grown, depth: depth == 0)


def _end_spelled(patch: MonkeyPatch) -> None:
    honest = Session.__init__

    def init(self: Session, *args: object, **options: object) -> None:
        honest(self, *args, **options)  # type: ignore[arg-type]
        self.ends_text = np.zeros(0, np.intp)

    patch.setattr(Session, "__init__", init)


def _merged(patch: MonkeyPatch) -> None:
    whole, honest = Session.text, Session.part
    second = [index for index, token in enumerate(DOUBLED.vocabulary.ids.tolist()) if token in {4, 5}]

    def text(self: Session, row: NDArray[np.floating]) -> Floats:
        found = whole(self, row)
        found[second] = -np.inf
        return found

    def part(self: Session, row: NDArray[np.floating], lo: int, hi: int) -> Floats:
        found = honest(self, row, lo, hi)
        found[[index - lo for index in second if lo <= index < hi]] = -np.inf
        return found

    patch.setattr(Session, "text", text)
    patch.setattr(Session, "part", part)


def _fresh_number(patch: MonkeyPatch) -> None:
    def descend(cover: Cover, rest: float, scale: float) -> int | None:
        cover.run_one(cover.pending()[0])
        return None

    patch.setattr(lazy, "_descend", descend)


def _prefix_not_divided_out(patch: MonkeyPatch) -> None:
    patch.setattr(ByteState, "_weigh_prefix", lambda self: None)


def _other_dropped(patch: MonkeyPatch) -> None:
    patch.setattr(Session, "other", lambda self, row: -math.inf)


MUTANTS: dict[str, ByteMutant] = {
    "end-added-twice": ByteMutant(_end_twice, lambda: laws.normalised(_case(), b"ab"), "END counts twice in a state"),
    "end-added-twice-at-once": ByteMutant(
        _end_twice_at_once, lambda: laws.at_once(_case("canonical"), b"abab"), "END counts twice in a tree"
    ),
    "exact-cover-added-twice": ByteMutant(
        _cover_twice, lambda: laws.at_once(_case("canonical"), b"abab"), "a context counts beside the token it ends in"
    ),
    "pending-known-and-missing": ByteMutant(
        _pending_known_and_missing, _bound, "a pending context counts as known and as missing"
    ),
    "strict-canonicity": ByteMutant(
        _strict,
        lambda: laws.as_defined(Case(_spaces(), 1, 1.0, "ids", "canonical", None), b" in  1"),
        "a context counts only if it is the encoding of its own text",
    ),
    "cumsum-differences": ByteMutant(_cumulated, _tiny_sums, "small sums are differences of large ones"),
    "float32-under-a-global-maximum": ByteMutant(_single_precision, _sharp, "exp in float32 under one maximum"),
    "distance-rule-for-scores": ByteMutant(
        _distance_for_scores, _relative, "a score stops when the distribution is near, not the byte"
    ),
    "lost-to-the-budget": ByteMutant(_lost_to_the_budget, _budgets, "what the budget cuts off is forgotten"),
    "lost-to-pruning": ByteMutant(
        _lost_to_pruning, lambda: laws.as_defined(_case("canonical"), b"aba"), "live contexts are pruned"
    ),
    "end-spelled-as-text": ByteMutant(_end_spelled, _end_with_bytes, "an end that has bytes is text as well"),
    "duplicates-merged": ByteMutant(
        _merged, lambda: laws.as_defined(_case(), b"ab"), "of two ids of equal bytes one is dropped"
    ),
    "fresh-number-after-a-run": ByteMutant(_fresh_number, _lazy_share, "lazy draws start anew after each run"),
    "prefix-not-divided-out": ByteMutant(
        _prefix_not_divided_out, _behind_a_space, "the inserted space counts as part of the text"
    ),
    "surplus-rows-dropped": ByteMutant(
        _other_dropped, lambda: laws.normalised(_case(), b"ab"), "rows without an id are left out of the sum"
    ),
}
