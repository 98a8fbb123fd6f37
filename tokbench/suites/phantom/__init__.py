"""The suite ``phantom``: equal text under other token ids, taken for an edit (after arXiv 2601.14658).

>>> asked = items("smoke", markings=["bracket"])
>>> len(asked), asked[0].marking
(256, 'bracket')
>>> classify([b" rights"], [b"right", b"s"]).label
'E8'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokbench.suites.phantom._surface import build_prompt, outcome, slices, summarise, tokenizer_metrics
from tokbench.suites.phantom.classify import classify
from tokbench.suites.phantom.items import items

if TYPE_CHECKING:
    from tokbench.suites.phantom.masking import mask_set

__all__ = [
    "build_prompt", "classify", "items", "mask_set", "outcome", "slices", "summarise", "tokenizer_metrics",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name == "mask_set":
        from tokbench.suites.phantom.masking import mask_set

        return mask_set
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
