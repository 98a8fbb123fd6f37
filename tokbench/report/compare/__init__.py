"""What changed between two runs, or between two tokenizers: item by item, in total, and with the paired test.

Two runs of a model are two samples of answers to the same items, so that a difference is judged by a test on
the items that both have. Two runs of a tokenizer alone are judged item by item: nothing in them is drawn, and
one law that no longer holds is a fact.
"""

from __future__ import annotations

from tokbench.report.compare._document import document
from tokbench.report.compare._gate import FailOn, Gate, Outcome, Rule, judge
from tokbench.report.compare._paired import Paired, newcombe, paired_means, paired_shares
from tokbench.report.compare._pairing import Matched, match
from tokbench.report.compare._promises import Setting
from tokbench.report.compare._runs import Change, NumberChange, RunComparison, RunPair, compare_runs
from tokbench.report.compare._tables import changes_frame, check_table_path, write_changes
from tokbench.report.compare._tokenizers import CutChange, TextCount, TokenizerComparison, compare_tokenizers
from tokbench.report.compare._vocabulary import Entry, IdChange, VocabularyChange, compare_vocabularies

__all__ = [
    "Change",
    "CutChange",
    "Entry",
    "FailOn",
    "Gate",
    "IdChange",
    "Matched",
    "NumberChange",
    "Outcome",
    "Paired",
    "Rule",
    "RunComparison",
    "RunPair",
    "Setting",
    "TextCount",
    "TokenizerComparison",
    "VocabularyChange",
    "changes_frame",
    "check_table_path",
    "compare_runs",
    "compare_tokenizers",
    "compare_vocabularies",
    "document",
    "judge",
    "match",
    "newcombe",
    "paired_means",
    "paired_shares",
    "write_changes",
]
