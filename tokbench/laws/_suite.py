"""A class of tests for authors of engines: subclass it, say how to make the engine, and every law is a test.

::

    class TestMine(tokbench.laws.TokenizerTests):
        def make(self):
            return MyEngine("vocabulary.bin")

It needs pytest with the plugin that this package installs; nothing here imports pytest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tokbench.laws.law import select_laws
from tokbench.tokenizers import Capability

__all__ = ["TokenizerTests"]


class TokenizerTests:
    """Holds the laws against the engine that :meth:`make` makes, one test each.

    Attributes:
        laws: Ids of laws (``-id`` leaves one out); None for all. ``--tokbench-laws`` narrows it further.
        capability: What the engine promises, where it is no :class:`~tokbench.Tokenizer` and not simply lossless.
    """

    laws: ClassVar[Sequence[str] | None] = None
    capability: ClassVar[Capability | None] = None

    def make(self) -> Any:  # noqa: ANN401, anything with encode and decode
        """The engine: a :class:`~tokbench.Tokenizer`, or anything with ``encode(text)`` and ``decode(ids)``.

        Made once for each class. Members that are missing are reasons for a law not to apply.
        """
        msg = f"{type(self).__name__} has to define make(self) and return the engine under test"
        raise NotImplementedError(msg)

    @classmethod
    def pytest_generate_tests(cls, metafunc: Any) -> None:  # noqa: ANN401, a class of pytest
        """One test for each law; called by pytest."""
        if "tokbench_law" in metafunc.fixturenames:
            metafunc.parametrize("tokbench_law", [entry.id for entry in select_laws(cls.laws)])

    def test_law(self, tokbench_law: str, tokbench_hold: Callable[[object, str], None]) -> None:
        """The engine keeps one law."""
        tokbench_hold(self, tokbench_law)
