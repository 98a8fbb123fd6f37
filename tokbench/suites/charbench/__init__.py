"""The suite ``charbench``: can a model see the characters inside its tokens (after arXiv 2508.02591).

>>> items = build_items("smoke", "natural", ("find_first",))
>>> predictions = grade(items, ["0"] * len(items))
>>> float(predictions["correct_strict"].mean())
0.125
"""

from __future__ import annotations

from tokbench.suites.charbench.analysis import analyse
from tokbench.suites.charbench.answers import graded as grade
from tokbench.suites.charbench.baselines import baselines
from tokbench.suites.charbench.features import features
from tokbench.suites.charbench.items import build_items, frame
from tokbench.suites.charbench.metrics import metrics

__all__ = ["analyse", "baselines", "build_items", "features", "frame", "grade", "metrics"]
