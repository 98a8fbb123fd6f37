"""The measuring code of growth and memory, on engines that run in this process; and their planted bugs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import mutants_process
import pytest
from toys import ToyTokenizer

from tokbench.laws import LAWS, check_law
from tokbench.laws.growth import MAX_RATIO, SHAPES, measure_growth, measure_memory
from tokbench.tokenizers import load_tokenizer


def test_shapes_have_the_length_that_is_asked_for() -> None:
    assert set(SHAPES) == {"a", "A", "0", "^", "space", "newline", "letters", "han"}
    for shape in SHAPES.values():
        assert len(shape(100)) == 100
        assert shape(100) == shape(100)


def test_a_linear_engine_holds_in_a_child_process() -> None:
    results = measure_growth(load_tokenizer("bytes"), ["a", "han"])
    assert [result.shape for result in results] == ["a", "han"]
    for result in results:
        assert result.status == "holds", result
        assert result.ratio is None or result.ratio <= MAX_RATIO or "yet" in result.message


@pytest.mark.slow
def test_a_quadratic_engine_fails() -> None:
    (name, mutant), *rest = [item for item in mutants_process.MUTANTS.items() if item[1].law == "growth"]
    assert not rest
    verdict = check_law(mutant.make(), LAWS["growth"])
    assert verdict.status == "fails", name
    assert "times as long" in verdict.reason


class Crashing(ToyTokenizer):
    """Ends with an error on long input."""

    def _encode(self, text: str) -> list[int]:
        if len(text) > 300:
            raise RecursionError("too deep")
        return super()._encode(text)


def test_an_error_on_long_input_is_a_finding() -> None:
    (result,) = measure_growth(Crashing(), ["a"], child=False)
    assert result.status == "fails"
    assert "RecursionError" in result.message


_MEASURE_KEEPER = """
import json, sys
sys.path.insert(0, sys.argv[1])
from dataclasses import asdict
import mutants_process
from tokbench.laws.growth import measure_memory
(mutant,) = [mutant for mutant in mutants_process.MUTANTS.values() if mutant.law == "memory"]
print(json.dumps(asdict(measure_memory(mutant.make(), child=False))))
"""


def test_memory_of_an_engine_that_keeps_everything_fails() -> None:
    # in a process of its own: one that has freed a gigabyte before has room for what the engine keeps
    folder = str(Path(mutants_process.__file__).parent)
    ended = subprocess.run([sys.executable, "-c", _MEASURE_KEEPER, folder], capture_output=True, text=True, check=True)
    kept = json.loads(ended.stdout)
    if kept["status"] == "not-applicable":
        pytest.skip(kept["message"])
    assert kept["status"] == "fails", kept
    assert "MiB" in kept["message"]


def test_memory_of_a_plain_engine_holds() -> None:
    result = measure_memory(load_tokenizer("bytes"), texts=2000, length=1000)
    assert result.status in {"holds", "not-applicable"}, result
