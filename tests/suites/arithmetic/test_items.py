"""Cases of the suite: sizes, lengths, profiles, and the first thousand beside a reimplementation by counting."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from functools import cache
from itertools import accumulate

import pytest

from tokbench.errors import OptionError, UnknownNameError
from tokbench.suites.arithmetic.conditions import conditions_of, standard_conditions
from tokbench.suites.arithmetic.items import (
    MAX_SHOTS,
    build_cases,
    build_items,
    cases_of,
    cases_sha256,
    frame,
    items,
    question_frame,
)
from tokbench.suites.arithmetic.strata import BLOCKS, profile_of, strata

TRIPLES = "777 778 788 878 789 879 888 889 799 979 899 989 999"


def sizes(block: str) -> tuple[int, int]:
    return len(strata(block)), len(build_cases("full", blocks=[block], shots=0))


def test_sizes() -> None:
    assert {block: sizes(block) for block in BLOCKS} == {
        "addition": (162, 16_200), "parity": (22, 1_390), "subtraction": (107, 16_050), "product": (10, 5_000),
        "twins": (2, 4_000), "scripts": (20, 1_040), "grouping": (1, 52),
    }  # fmt: skip
    assert len(build_cases("smoke", shots=0)) == 324
    assert len(build_cases("core", shots=0)) == 16_200 + 1_390


def test_the_strata_of_the_study_come_in_its_order() -> None:
    names = [stratum.name for stratum in strata("parity")]
    assert names[:13] == [f"parity/{lengths[0]}+{lengths[1]}={lengths[2]}" for lengths in TRIPLES.split()]
    assert names[13:] == [f"parity/{a}+{b}" for a in (7, 8, 9) for b in (7, 8, 9)]


def test_strata_of_subtraction() -> None:
    by_difference = Counter(
        min(2, int(la) - int(lb))
        for name in (stratum.name for stratum in strata("subtraction"))
        for la, lb in [name.removeprefix("subtraction/").replace("<", "=").split("=")[0].split("-")]
    )
    assert by_difference == {0: 27, 1: 24, 2: 56}


@pytest.mark.parametrize("block", BLOCKS)
def test_every_stratum_has_its_lengths(block: str) -> None:
    for stratum in strata(block):
        for case in cases_of(stratum, count=4, shots=3):
            problem = case.problem
            _, _, lengths = stratum.name.partition("/")
            assert case.block == block
            assert case.case_id.startswith(f"arithmetic-1/0/{stratum.name}/{case.index}")
            assert problem.op == {"subtraction": "-", "product": "x"}.get(block, "+")
            la, lb, ln = problem.lengths
            if block in {"addition", "parity"}:
                assert lengths in {f"{la}+{lb}={ln}", f"{la}+{lb}"}
            elif block == "subtraction":
                operands, _, answer = lengths.replace("<=", "|<=").replace("=", "|=", 1).partition("|")
                assert operands.split("|")[0] == f"{la}-{lb}"
                most = int(lengths.rpartition("=")[2])
                assert ln <= most if "<" in lengths else ln == most, answer
            elif block == "product":
                assert lengths == f"{la}x{lb}"
                assert la == 2
            elif block != "twins":
                assert f"{la}{lb}{ln}" in TRIPLES.split()
            else:
                assert la == lb


def test_twins_differ_in_exactly_one_carry() -> None:
    for stratum in strata("twins"):
        cases = cases_of(stratum, count=60, shots=2)
        assert len(cases) == 120
        for without, carried in zip(cases[::2], cases[1::2], strict=True):
            assert without.twin == carried.twin == without.cluster
            assert (without.carries, carried.carries) == (False, True)
            assert without.shots == carried.shots
            assert without.problem.lengths == carried.problem.lengths
            place = without.place
            assert (place % 3 == 0) is (stratum.name == "twins/at-3")
            assert {*carried.problem.carry_into} - {*without.problem.carry_into} == {place}
            assert {*without.problem.carry_into} < {*carried.problem.carry_into}
            first, second = f"{without.problem.text:>25}", f"{carried.problem.text:>25}"
            assert sum(one != other for one, other in zip(first, second, strict=True)) == 1
    assert {case.place for case in cases_of(strata("twins")[0], count=18)} == {3, 6, 9}


def test_solved_calculations() -> None:
    for case in build_cases("smoke", shots=8):
        assert len({*case.shots, case.problem}) == 9
        assert {shot.lengths for shot in case.shots} == {case.problem.lengths}
    for pair in strata("parity")[13:]:  # the answer may have any length there
        for case in cases_of(pair, shots=8):
            assert {shot.lengths[:2] for shot in case.shots} == {case.problem.lengths[:2]}
    few = build_cases("smoke", shots=2)
    many = build_cases("smoke", shots=MAX_SHOTS)
    assert [case.shots for case in few] == [case.shots[:2] for case in many]
    for shots in (-1, MAX_SHOTS + 1):
        with pytest.raises(OptionError, match="a number from 0 to 16"):
            build_cases("smoke", shots=shots)


def test_profiles_contain_each_other() -> None:
    smoke, core, full = ({*build_cases(profile, shots=0)} for profile in ("smoke", "core", "full"))
    assert smoke < core < full
    assert profile_of("smoke").formats == ("nosep", "comma_r2l")
    assert profile_of("core").formats == ("nosep", "comma_r2l", "comma_l2r", "ids_r2l")
    assert len(profile_of("full").formats) == 26


def test_names_are_unique_and_seeds_differ() -> None:
    full = build_cases("full", shots=0)
    assert len({case.case_id for case in full}) == len(full)
    first, again, other = (build_cases("smoke", seed, shots=1) for seed in (0, 0, 1))
    assert first == again
    assert cases_sha256(first) != cases_sha256(other)
    assert {case.problem for case in first}.isdisjoint({case.problem for case in other})
    assert {case.problem for case in first}.isdisjoint({shot for case in first for shot in case.shots})


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="unknown profile 'huge'"):
        build_cases("huge")
    with pytest.raises(UnknownNameError, match="unknown block 'division'"):
        build_cases("smoke", blocks=["division"])


# ---------------------------------------------------------------------- golden


@cache
def ranges(la: int, lb: int, ln: int) -> tuple[list[int], list[int]]:
    """For every ``a`` the least valid ``b``, and the number of pairs up to its last."""
    least, most = 10 ** (ln - 1), 10**ln - 1
    firsts = range(10 ** (la - 1), 10**la)
    lows = [max(10 ** (lb - 1), least - a) for a in firsts]
    highs = [min(10**lb - 1, most - a) for a in firsts]
    return lows, list(accumulate(max(0, high - low + 1) for low, high in zip(lows, highs, strict=True)))


def counted(stratum: str, index: int, la: int, lb: int, ln: int) -> tuple[int, int]:
    """Operands of a case by the words of the specification: count the valid ``b`` of every ``a``, draw a rank, look."""
    lows, ends = ranges(la, lb, ln)
    attempt, rank = 0, ends[-1]
    while rank >= ends[-1]:
        key = "\x1f".join(["arithmetic-1", "item", "0", stratum, str(index), str(attempt)])
        digest = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=64).digest(), "big")
        rank, attempt = digest >> (512 - (ends[-1] - 1).bit_length()), attempt + 1
    at = bisect_right(ends, rank)
    return 10 ** (la - 1) + at, lows[at] + rank - (ends[at - 1] if at else 0)


GOLDEN = "e0cab07f3342624bb7830eeb1db67fa26ae2167759b40b59d47575e2e20952ad"


def test_the_first_thousand() -> None:
    """The first operand of these has four digits, so that all of them can be gone through."""
    expected = []
    for lb in (4, 5, 6, 7, 8):
        for ln in (lb, lb + 1):
            stratum = f"addition/4+{lb}={ln}"
            for index in range(100):
                a, b = counted(stratum, index, 4, lb, ln)
                expected.append(f"arithmetic-1/0/{stratum}/{index}\t{a}+{b}\n")
    assert [f"{case.case_id}\t{case.problem.text}\n" for case in build_cases("core", shots=0)[:1000]] == expected
    assert hashlib.sha256("".join(expected).encode()).hexdigest() == GOLDEN


# ---------------------------------------------------------------------- conditions and tables


def test_strata_with_formats_of_their_own() -> None:
    usual = standard_conditions(["nosep", "comma_l2r"], [1, 2])
    assert [condition.name for condition in conditions_of("addition/4+4=4", usual)] == [
        "nosep|shots=1", "nosep|shots=2", "comma_l2r|shots=1", "comma_l2r|shots=2",
    ]  # fmt: skip
    assert [condition.name for condition in conditions_of("scripts/thai", usual)] == [
        "nosep@thai|shots=1", "nosep@thai|shots=2", "comma_r2l@thai|shots=1", "comma_r2l@thai|shots=2",
        "indian@thai|shots=1", "indian@thai|shots=2",
    ]  # fmt: skip
    assert {condition.in_fmt.name for condition in conditions_of("grouping/triples", usual)} == {
        "comma_r2l", "indian", "comma_r2l4", "thin_r2l", "underscore_r2l", "comma_r2l1",
    }  # fmt: skip
    with pytest.raises(OptionError, match="one format or more"):
        conditions_of("addition/4+4=4", [])


def test_items() -> None:
    found = items("smoke")
    assert len(found) == 648
    assert len({item.key for item in found}) == 648
    assert found[0].key == "arithmetic-1/0/addition/4+4=4/0|nosep"
    usual = standard_conditions(["nosep", "comma_r2l"])
    assert found == list(build_items(build_cases("smoke"), usual))


def test_frames() -> None:
    cases = cases_of(strata("twins")[0], count=1, shots=1) + cases_of(strata("product")[0], count=1, shots=1)
    table = frame(cases)
    assert table["op"].to_list() == ["+", "+", "x"]
    assert table["carry"].to_list() == [False, True, None]
    assert [int(a) for a in table["a"]] == [case.problem.a for case in cases]
    assert table["carry_into"].to_list() == [list(case.problem.carry_into) for case in cases]
    asked = question_frame(build_items(cases, standard_conditions(["comma_r2l"], [1])))
    assert asked.height == 3
    assert asked["messages"].str.contains("assistant").all()


def test_the_functions_of_the_package() -> None:
    import tokbench.suites.arithmetic as suite

    item = suite.items("smoke")[1]
    assert suite.messages(item)[-1].content.endswith("=")
    assert suite.count_pairs(1, 2, 3) == 45
    assert (
        suite.format_number(item.problem.answer, suite.parse_format("comma_r2l")) == suite.items("smoke")[1].answer_text
    )
    assert suite.parse(item.answer_text).value == str(item.problem.answer)
    assert suite.grade(item, item.answer_text).label == "correct"
    assert callable(suite.cuts)
    assert callable(suite.aligned)
    assert callable(suite.load_replay)
