"""Tokenizer adapters: one protocol over tiktoken, tokenizers, sentencepiece, mistral-common and raw bytes."""

from __future__ import annotations

from tokbench.tokenizers.capability import EXCEPTIONS, Capability, Loss, RoundTrip, excepted
from tokbench.tokenizers.description import TEXT_KINDS, FileInfo, Kind, TokenizerInfo, VocabularyTable
from tokbench.tokenizers.protocol import Specials, Surrogates, Tokenizer
from tokbench.tokenizers.registry import BACKENDS, Listing, backends, list_tokenizers, load_tokenizer
from tokbench.tokenizers.stream import ByteStream, TextStream

__all__ = [
    "BACKENDS",
    "EXCEPTIONS",
    "TEXT_KINDS",
    "ByteStream",
    "Capability",
    "FileInfo",
    "Kind",
    "Listing",
    "Loss",
    "RoundTrip",
    "Specials",
    "Surrogates",
    "TextStream",
    "Tokenizer",
    "TokenizerInfo",
    "VocabularyTable",
    "backends",
    "excepted",
    "list_tokenizers",
    "load_tokenizer",
]
