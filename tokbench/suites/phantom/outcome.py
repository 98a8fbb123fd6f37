"""What became of a target: the outcome on bytes and ids, with the flags that tell a phantom edit from its look-alikes.

Three normalisers, each over the one before: ``nu0`` none; ``nu1`` white space and marks at the edges of the word are
stripped (what the paper calls the same word); ``nu2`` NFC, and default-ignorable code points are removed.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

import regex

from tokbench.suites.phantom.slices import Slice

__all__ = ["Flags", "Outcome", "Status", "Sub", "decide", "nu1", "nu2"]

Status = Literal["INVALID", "LOST", "AMBIGUOUS", "REPLACED", "TEXT_SAME", "UNCHANGED", "DIFFERENT"]
Sub = Literal["", "DELETED", "CASE_ONLY", "MULTIWORD", "OTHER"]

MARKS = '[](){}<>«»"“”‘’`*_'
"""Characters that are taken for marks at the edges of a word."""

_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
_EDGES = regex.compile(rf"^[\s{regex.escape(MARKS)}]+|[\s{regex.escape(MARKS)}]+$")


def nu1(text: str) -> str:
    """Without white space and marks at its edges."""
    return _EDGES.sub("", text)


def nu2(text: str) -> str:
    """The same in NFC and without characters that nobody sees."""
    return nu1(_IGNORABLE.sub("", unicodedata.normalize("NFC", text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What is known of a target whose ids are known.

    Attributes:
        nu1_equal: Whether it is the same word in the paper's sense.
        strict: Whether the bytes are equal, white space included.
        noncanonical_out: Whether the model emitted ids that its own tokenizer would not give for that text; None where
            that is not known.
        context_explained: Whether the ids on both sides are those of the tokenizer: the contexts differ, nothing else;
            None where that is not known.
        edge_fused: Whether a token on either side reaches beyond the window.
    """

    nu1_equal: bool
    strict: bool
    noncanonical_out: bool | None
    context_explained: bool | None
    edge_fused: bool

    @property
    def strict_unexplained(self) -> bool:
        """Equal bytes under other ids without a reason in the context: the headline of the suite."""
        return self.strict and self.context_explained is False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a target.

    Attributes:
        status: The first condition that holds.
        sub: What kind of replacement it is.
        reason: Why it is invalid, lost or ambiguous.
        flags: None where ids are not known, or nothing came back.
    """

    status: Status
    sub: Sub = ""
    reason: str = ""
    flags: Flags | None = None


def _replacement(before: str, after: str) -> Sub:
    if not nu2(after):
        return "DELETED"
    if nu2(before).casefold() == nu2(after).casefold():
        return "CASE_ONLY"
    return "MULTIWORD" if len(nu2(after).split()) > len(nu2(before).split()) else "OTHER"


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _both(one: bool | None, two: bool | None) -> bool | None:  # noqa: FBT001, two of a kind
    """And, where one side alone may decide."""
    if one is False or two is False:
        return False
    return None if one is None or two is None else True


def decide(
    before: Slice,
    after: Slice | None,
    data_after: bytes,
    *,
    canonical_in: bool | None,
    canonical_out: bool | None,
) -> Outcome:
    """The outcome for a target that has a place in the reply.

    Args:
        before: Its slice of the prompt.
        after: Its slice of the reply, None where the ids are not known.
        data_after: Bytes of its window in the reply.
        canonical_in: Whether the ids of the prompt are those of the tokenizer there, None where not known.
        canonical_out: The same of the reply.

    Returns:
        ``DIFFERENT`` only for the same word (up to :func:`nu2`) under other ids, whose ids are known.
    """
    said = _text(data_after)
    given = _text(before.data)
    if said is None or given is None:
        return Outcome(status="INVALID", reason="the reply cannot be decoded at the target")
    flags = None
    if after is not None:
        if after.control:
            return Outcome(status="INVALID", reason="a special token lies inside the word")
        flags = Flags(
            nu1_equal=nu1(given) == nu1(said),
            strict=before.data == after.data,
            noncanonical_out=None if canonical_out is None else not canonical_out,
            context_explained=_both(canonical_in, canonical_out),
            edge_fused=before.fused or after.fused,
        )
    if nu2(given) != nu2(said):
        return Outcome(status="REPLACED", sub=_replacement(given, said), flags=flags)
    if after is None:
        return Outcome(status="TEXT_SAME", reason="its ids are not known")
    return Outcome(status="UNCHANGED" if before.ids == after.ids else "DIFFERENT", flags=flags)
