"""The suite ``arithmetic``: in which direction numbers are cut, and what that does to sums.

>>> count_pairs(7, 8, 9)
49499995500000
>>> from tokbench.tokenizers import load_tokenizer
>>> digit_policy(load_tokenizer("bytes")).label
'single'
"""

from __future__ import annotations

from tokbench.suites.arithmetic.alignment import aligned
from tokbench.suites.arithmetic.cuts import cuts
from tokbench.suites.arithmetic.formats import format_number, parse_format
from tokbench.suites.arithmetic.grading import grade
from tokbench.suites.arithmetic.items import items
from tokbench.suites.arithmetic.labels import labels
from tokbench.suites.arithmetic.parsing import parse
from tokbench.suites.arithmetic.policy import digit_policy
from tokbench.suites.arithmetic.prompts import messages
from tokbench.suites.arithmetic.recorded import load_replay
from tokbench.suites.arithmetic.sampling import count_pairs

__all__ = [
    "aligned", "count_pairs", "cuts", "digit_policy", "format_number", "grade", "items", "labels", "load_replay",
    "messages", "parse", "parse_format",
]  # fmt: skip
