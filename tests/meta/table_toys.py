"""A tokenizer over any table of tokens, encoded greedily: for the uses of byte models that need a whole tokenizer."""

from __future__ import annotations

from collections.abc import Mapping

from tokbench.errors import UncoverableTextError, UnsupportedError
from tokbench.tokenizers import Capability, Kind, Tokenizer, VocabularyTable
from tokbench.tokenizers._common import make_info
from tokbench.tokenizers.rules import EncodingRules, GreedyRules


class TableTokenizer(Tokenizer):
    """At each place the longest token that fits.

    Args:
        table: Bytes of each id that is text.
        specials: Names and ids of special tokens.
        takes_bytes: Whether it encodes bytes that are no text.
        says_rules: Whether it tells how it encodes.
        prefix: Bytes inserted in front of every text that is not empty.
    """

    def __init__(
        self,
        table: Mapping[int, bytes],
        *,
        specials: Mapping[str, int] | None = None,
        takes_bytes: bool = True,
        says_rules: bool = True,
        prefix: bytes = b"",
    ) -> None:
        self.table = dict(table)
        self.specials = dict(specials or {})
        self.says_rules = says_rules
        self.takes_bytes = takes_bytes
        self._ids_of = {data: token for token, data in reversed(self.table.items())}
        switches = {"table": sorted(self.table.items()), "specials": sorted(self.specials.items()),
                    "bytes": takes_bytes, "rules": says_rules, "prefix": prefix}  # fmt: skip
        super().__init__(
            make_info(
                spec="toy:table", backend="toy", name="table", family="wordpiece", files=(), libraries=(),
                switches=switches,
                capability=Capability(round_trip="lossless", bytes_in=takes_bytes, prefix=prefix),
                n_ids=len(self.table) + len(self.specials), n_vocab=1 + max(*self.table, *self.specials.values(), 0),
            )
        )  # fmt: skip

    def _load_table(self) -> VocabularyTable:
        kinds: dict[int, Kind] = dict.fromkeys(self.specials.values(), "special")
        return VocabularyTable(self.table, kinds, {token: name for name, token in self.specials.items()})

    def _spelled(self, data: bytes) -> list[int]:
        ids: list[int] = []
        start = 0
        while start < len(data):
            fitting = [token for token in self._ids_of if data.startswith(token, start)]
            if not fitting:
                raise UncoverableTextError(start, data[start], self.info.spec)
            longest = max(fitting, key=len)
            ids.append(self._ids_of[longest])
            start += len(longest)
        return ids

    def _encode(self, text: str) -> list[int]:
        return self._spelled(self.info.prefix + text.encode()) if text else []

    def _encode_bytes(self, data: bytes) -> list[int]:
        return self._spelled(self.info.prefix + data) if self.takes_bytes else super()._encode_bytes(data)

    def _decode(self, ids: list[int]) -> str:
        return b"".join(self.table.get(token, b"") for token in ids).decode("utf-8", "replace")

    def rules(self) -> EncodingRules:
        if not self.says_rules:
            raise UnsupportedError("rules", self.info.spec, "it does not tell how it encodes")
        return GreedyRules(tokens=self._ids_of)
