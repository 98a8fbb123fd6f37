"""Every error that tokbench raises on purpose.

One base class, :class:`TokbenchError`; each error is also the builtin that a caller would expect to
catch. The data of an error are its ``args`` and its attributes, so an error survives pickling, and its
message always says what was wanted, what was found and what to do about it.
"""

from __future__ import annotations

from tokbench.errors import _general, _models, _questions
from tokbench.errors._general import *  # noqa: F403, the names are listed there
from tokbench.errors._models import *  # noqa: F403, the names are listed there
from tokbench.errors._questions import *  # noqa: F403, the names are listed there

__all__ = [*_general.__all__, *_models.__all__, *_questions.__all__]  # noqa: PLE0604, all are lists of names
