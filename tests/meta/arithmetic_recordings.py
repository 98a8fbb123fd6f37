"""Recorded replies for tests: where the published files are looked for, and rows of the same shape made here."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PUBLISHED = {
    "20230407_gpt35_comma_effects.csv": "e8a43c3160239e9d720d6e5522f0750989d091dec6495136de292d911129056a",
    "20240125_gpt35_0301_answer_length_effects.csv": "ae9dc25f549732312f646148fc2ce5199404894582365948aec618cae8f7548a",
}
"""The two recorded files that are provided beside the checkout, with their SHA-256."""


def recording(name: str) -> Path:
    """Path of a published file; skips where it is absent."""
    given = os.environ.get("TOKBENCH_SHARED_DATA")
    folders = [ROOT.parent / "shared" / "data" / "arithmetic"]
    if given:
        folders = [Path(given), Path(given) / "arithmetic", Path(given) / "data" / "arithmetic"]
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    pytest.skip(f"recorded replies not found at {folders[0] / name}: set TOKBENCH_SHARED_DATA to the folder with them")


def row(**changed: object) -> dict[str, object]:
    """A row as the study records it, with a right reply, changed in some columns."""
    usual: dict[str, object] = {
        "": "0", "problem_index": "0", "flip_problem": "False", "flip_shots": "False", "num1": "1234567",
        "num2": "7654322", "problem_msg": "1234567+7654322=", "problem_tokens": "8", "response_repeat": "0",
        "response": "8888889", "prompt_tokens": "20", "completion_tokens": "3", "shots": "1000000+2000001=3000001",
        "model": "made-up", "system_prompt": "You are a helpful assistant.", "problem_number_format": "nosep",
        "answer_number_format": "nosep", "num_spaces": "0", "num_trailing_spaces": "0", "num_shots": "1",
        "problem_rng_key": "0", "shots_rng_key": "1",
    }  # fmt: skip
    return {**usual, **changed}


def as_csv(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Rows as a CSV file with the columns of the first one."""
    found = list(rows)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue().encode()


def write_csv(path: Path, *rows: Mapping[str, object]) -> Path:
    """Write rows as a CSV file."""
    path.write_bytes(as_csv(rows))
    return path


def logprobs(*tokens: tuple[str, float], others: tuple[tuple[str, float], ...] = ()) -> str:
    """The JSON of a reply of these tokens; the other tokens were possible at each place."""
    return json.dumps([
        {
            "token": token, "logprob": value,
            "top_5_logprobs": [{"token": name, "logprob": part} for name, part in ((token, value), *others)],
        }
        for token, value in tokens
    ])  # fmt: skip
