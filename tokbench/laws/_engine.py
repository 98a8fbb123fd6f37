"""Anything with ``encode`` and ``decode`` as a :class:`Tokenizer`, so that laws can be held against it.

Optional members are used where they are there: ``token_bytes(id)`` with ``ids()`` (the vocabulary),
``kind(id)``, ``special_tokens()`` (a mapping or a method), ``encode_batch(texts)``, ``encode_bytes(data)``,
``decode_bytes(ids)``, ``char_spans(text)``. A law that needs one that is missing does not apply.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from tokbench.errors import UnknownIdError, UnsupportedError
from tokbench.tokenizers import Capability, Kind, Tokenizer, VocabularyTable
from tokbench.tokenizers._common import make_info

__all__ = ["EngineTokenizer", "as_tokenizer"]


def _plain(ids: object) -> list[int]:
    """Ids as a list of int: engines return lists, arrays, or an object with ``ids``."""
    found: Any = getattr(ids, "ids", ids)
    return [int(token_id) for token_id in found]


class EngineTokenizer(Tokenizer):
    """An adapter over an engine whose members are found by their names.

    Args:
        engine: The engine.
        capability: What it promises; None for lossless, with what its members allow.
    """

    def __init__(self, engine: Any, capability: Capability | None = None) -> None:  # noqa: ANN401, that is the point
        self.engine = engine
        self.has_vocabulary = callable(getattr(engine, "token_bytes", None)) and hasattr(engine, "ids")
        kind = type(engine)
        info = make_info(
            spec=f"{kind.__module__}.{kind.__qualname__}",
            backend=kind.__module__.rpartition(".")[2].strip("_") or "engine",
            name=kind.__name__,
            family="unknown",
            files=(),
            libraries=(),
            switches={},
            capability=capability or self._inferred(),
            n_ids=len(self._engine_ids()),
            n_vocab=len(self._engine_ids()),
        )
        super().__init__(info)

    def _can(self, member: str) -> bool:
        return callable(getattr(self.engine, member, None))

    def _inferred(self) -> Capability:
        return Capability(
            round_trip="lossless",
            bytes_in=self._can("encode_bytes") and (self.has_vocabulary or self._can("decode_bytes")),
            char_spans=self._can("char_spans"),
            spans="bytes" if self.has_vocabulary else "library" if self._can("char_spans") else "none",
            preimage=self.has_vocabulary,
        )

    def _missing(self, member: str) -> UnsupportedError:
        return UnsupportedError(member, self.info.spec, f"the engine has no member {member}")

    # ------------------------------------------------------------------ vocabulary

    def _engine_ids(self) -> list[int]:
        if not self.has_vocabulary:
            return []
        found = self.engine.ids
        return sorted(_plain(found() if callable(found) else found))

    def _engine_specials(self) -> dict[str, int]:
        found = getattr(self.engine, "special_tokens", None)
        found = found() if callable(found) else found
        return {str(name): int(token_id) for name, token_id in found.items()} if isinstance(found, Mapping) else {}

    def _load_table(self) -> VocabularyTable:
        specials = {token_id: name for name, token_id in self._engine_specials().items()}
        kinds: dict[int, Kind] = {}
        bytes_of: dict[int, bytes] = {}
        for token_id in self._engine_ids():
            kind = cast("Kind", self.engine.kind(token_id)) if self._can("kind") else "normal"
            kind = "special" if kind == "normal" and token_id in specials else kind
            if kind != "normal":
                kinds[token_id] = kind
            if kind in {"normal", "byte", "added"}:
                bytes_of[token_id] = bytes(self.engine.token_bytes(token_id))
        return VocabularyTable(bytes_of, kinds, specials)

    def ids(self) -> Sequence[int]:
        """The ids of the engine; none where it does not list them."""
        return super().ids()

    def kind(self, token_id: int) -> Kind:
        """Kind of an id; ``normal`` where the engine has no vocabulary to ask."""
        return super().kind(token_id) if self.has_vocabulary else "normal"

    def token_bytes(self, token_id: int) -> bytes:
        """Bytes of an id.

        Raises:
            UnsupportedError: If the engine does not say.
        """
        if not self.has_vocabulary:
            raise self._missing("token_bytes")
        return super().token_bytes(token_id)

    def _known(self, ids: Iterable[int]) -> list[int]:
        return super()._known(ids) if self.has_vocabulary else list(ids)

    # ------------------------------------------------------------------ calls

    def _encode(self, text: str) -> list[int]:
        return _plain(self.engine.encode(text))

    def _encode_batch(self, texts: list[str]) -> list[list[int]]:
        if not self._can("encode_batch"):
            raise self._missing("encode_batch")
        return [_plain(row) for row in self.engine.encode_batch(texts)]

    def _encode_bytes(self, data: bytes) -> list[int]:
        if not self._can("encode_bytes"):
            raise self._missing("encode_bytes")
        return _plain(self.engine.encode_bytes(data))

    def _decode(self, ids: list[int]) -> str:
        if self.has_vocabulary:
            return cast("str", self.engine.decode(ids))
        try:
            return cast("str", self.engine.decode(ids))
        except Exception as error:  # nobody can say which ids exist, so a refusal in order is no fault
            raise UnknownIdError(ids[:8], self.info.spec) from error

    def join_bytes(self, ids: Iterable[int], *, strict: bool = False) -> bytes:
        """Joined token bytes, or what the engine decodes to bytes.

        Raises:
            UnsupportedError: If the engine has neither.
        """
        if self.has_vocabulary:
            return super().join_bytes(ids, strict=strict)
        if self._can("decode_bytes"):
            return bytes(self.engine.decode_bytes(list(ids)))
        raise self._missing("token_bytes")

    def _char_spans(self, text: str) -> list[tuple[int, int]]:
        if not self._can("char_spans"):
            raise self._missing("char_spans")
        return [(int(start), int(end)) for start, end in self.engine.char_spans(text)]


def as_tokenizer(engine: object, capability: Capability | None = None) -> Tokenizer:
    """``engine`` itself if it is a :class:`Tokenizer`, else an adapter over it.

    Raises:
        TypeError: If it has no ``encode`` and ``decode``.
    """
    if isinstance(engine, Tokenizer):
        return engine
    for member in ("encode", "decode"):
        if not callable(getattr(engine, member, None)):
            msg = f"{type(engine).__name__} has no method {member}: an engine needs encode(text) and decode(ids)"
            raise TypeError(msg)
    return EngineTokenizer(engine, capability)
