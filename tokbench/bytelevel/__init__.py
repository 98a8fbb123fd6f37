"""The byte-token core: exact conversion between models over tokens and models over bytes.

:class:`ByteModel` gives the exact probability of every next byte after any bytes, scores, draws and chooses;
:class:`Ensemble` joins models with different vocabularies; :class:`Lattice` holds all segmentations of a byte string.
Which covers of a text count is said by the *reading* (:data:`Reading`). A readable twin of the definitions is
:mod:`tokbench.bytelevel.reference`, the usual inexact ways are :mod:`tokbench.bytelevel.naive`, what bytes may come
next is said by :mod:`tokbench.bytelevel.constraint`, and :mod:`tokbench.bytelevel.infill` fills in text whose prompt
ends inside a token. Models follow :class:`NextTokenModel`; adapters are in :mod:`tokbench.models`.
"""

from __future__ import annotations

from tokbench.bytelevel.bytestate import ByteState
from tokbench.bytelevel.canonical import CanonicalRule, canonical_rule, rule_for
from tokbench.bytelevel.constraint import All, ByteRegex, Choices, Constraint, Prefix, Utf8
from tokbench.bytelevel.distribution import ByteDistribution, ByteScore, Symbol
from tokbench.bytelevel.ensemble import Ensemble, EnsembleDistribution, EnsembleState
from tokbench.bytelevel.generate import ByteCompletion
from tokbench.bytelevel.lattice import Lattice
from tokbench.bytelevel.model import ByteModel
from tokbench.bytelevel.posterior import SegmentationPosterior
from tokbench.bytelevel.protocol import InCall, NextTokenModel, PrefixModel
from tokbench.bytelevel.readings import END, OTHER, Reading, Renormalise
from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = [
    "END",
    "OTHER",
    "All",
    "ByteCompletion",
    "ByteDistribution",
    "ByteModel",
    "ByteRegex",
    "ByteScore",
    "ByteState",
    "ByteVocabulary",
    "CanonicalRule",
    "Choices",
    "Constraint",
    "Ensemble",
    "EnsembleDistribution",
    "EnsembleState",
    "InCall",
    "Lattice",
    "NextTokenModel",
    "Prefix",
    "PrefixModel",
    "Reading",
    "Renormalise",
    "SegmentationPosterior",
    "Symbol",
    "Utf8",
    "canonical_rule",
    "rule_for",
]
