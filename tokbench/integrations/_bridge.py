"""Between our suites and other harnesses: questions out, one answer graded, all answers of a log in.

Nothing of a suite is done again here. Questions are collected by running the suite's own plan with a model that only
listens; a log becomes a run record by running the same plan with a model that reads answers from it.

>>> first = requests("charbench", tasks="count_unique", limit=3)[0]
>>> first.key, first.gold
('charbench-1/balanced/count_unique/std/L4/0|plain|inline', '3')
>>> grade("charbench", first.key, first.gold, tasks="count_unique").outcome
'correct'
"""

from __future__ import annotations

from tokbench.integrations._bridge_import import import_answers
from tokbench.integrations._bridge_questions import Graded, RecordedAnswer, Request, grade, log_settings, requests
from tokbench.integrations._bridge_settings import SUITES, defaults, normal

__all__ = [
    "SUITES", "Graded", "RecordedAnswer", "Request", "defaults", "grade", "import_answers", "log_settings", "normal",
    "requests",
]  # fmt: skip
