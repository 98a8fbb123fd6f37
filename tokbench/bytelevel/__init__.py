"""The byte-token core: exact conversion between tokens and bytes.

Here now: :class:`ByteVocabulary`, the sorted vocabulary on which it stands. It is defined with the
tokenizers, because :meth:`tokbench.tokenizers.Tokenizer.byte_vocabulary` returns it and imports go downwards.
"""

from __future__ import annotations

from tokbench.tokenizers.vocabulary import ByteVocabulary

__all__ = ["ByteVocabulary"]
