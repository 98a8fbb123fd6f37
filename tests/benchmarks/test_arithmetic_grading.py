"""Regrading recorded replies: 10,000 rows with full labels in at most 5 s, against reading the file alone."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from arithmetic_recordings import logprobs, row, write_csv
from arithmetic_tokenizers import l2r

from tokbench.models._replay_files import read_bytes, read_table
from tokbench.suites.arithmetic.formats import format_number, parse_format
from tokbench.suites.arithmetic.recorded import load_replay, replay_result

Ratio = Callable[..., float]

ROWS = 10_000
OTHERS = (("0", -3.0), ("1", -4.0), ("2", -5.0), ("3", -6.0))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows like those of the study, half of them wrong in some way, with log-probabilities."""
    generator = random.Random(0)
    made = []
    for index in range(ROWS // 4):
        a, b = generator.randrange(10**6, 10**9), generator.randrange(10**6, 10**9)
        for name in ("nosep", "comma_r2l", "comma_l2r", "space_r2l"):
            fmt = parse_format(name)
            answer = a + b + generator.choice((0, 0, 0, 1, -10, 10**3, -(10**4), 123456, 10**9))
            reply = format_number(answer, fmt)
            made.append(
                row(
                    problem_index=str(index),
                    num1=str(a),
                    num2=str(b),
                    response=reply,
                    problem_number_format=name,
                    answer_number_format=name,
                    problem_msg=f"{format_number(a, fmt)}+{format_number(b, fmt)}=",
                    logprobs_json=logprobs(
                        *((token, -0.1) for token in re.findall("[0-9]{1,3}|[^0-9]", reply)), others=OTHERS
                    ),
                )
            )
    return write_csv(tmp_path_factory.mktemp("recorded") / "made.csv", *made)


def test_regrading(ratio: Ratio, recorded: Path) -> None:
    """Labels, booleans, chunks and log-probabilities of 10,000 rows: at most 5 s."""
    tokenizer = l2r()
    assert len(load_replay(recorded, "singh2024", tokenizer).rows) == ROWS
    ratio(
        lambda: load_replay(recorded, "singh2024", tokenizer),
        lambda: read_table(recorded, read_bytes(recorded)),
        bar=50,
        rounds=2,
    )


def test_all_tables(ratio: Ratio, recorded: Path) -> None:
    """The same with all samples and metrics."""
    tokenizer = l2r()
    ratio(
        lambda: replay_result(recorded, "singh2024", tokenizer),
        lambda: read_table(recorded, read_bytes(recorded)),
        bar=80,
        rounds=1,
    )
