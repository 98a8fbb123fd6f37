"""Small tokenizers in pure Python: the healthy ones, and the base of the planted bugs.

Each mutants module of this folder defines ``MUTANTS: dict[str, Mutant]``; the keys are the names that the
laws list as their ``mutants``.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tokbench.tokenizers import Capability, Kind, Tokenizer, VocabularyTable
from tokbench.tokenizers._common import make_info

MERGES: tuple[bytes, ...] = (
    b"th", b"he", b"in", b"er", b"an", b"the", b" t", b" the", b"ll", b"hell", b"hello", b" w", b"or", b"ld",
    b" wor", b" world", b"20", b"23", b"12", b"123", b"00", b"000", b"2023", b"  ", b"    ", b"  \n", b"\r\n",
    b" ?", b"!=", b"\xc3\xa9", b"\xe2\x80", b" \xe2\x80", b"\xe2\x80\x94", b"\xf0\x9f", b"\xf0\x9f\xa6",
    b"\xe4\xbd", b"\xe4\xbd\xa0", b"'s", b"<|", b"|>",
)  # fmt: skip
"""Merged tokens in the order of their ranks; each is a pair of earlier tokens."""

PATTERN = r"'s| ?[^\W\d_]+| ?\d{1,3}| ?(?:[^\w\s]|_)+|\s+(?!\S)|\s+"
"""A split pattern that covers every text."""

SPECIALS: Mapping[str, int] = {"<|end|>": 310, "<s>": 311}
"""Special tokens; between them and the last merge ids are missing."""

ADDED: Mapping[str, int] = {"\u010d": 320, "<tool>": 321, "na\u00efve": 322}
"""Added tokens that are plain text, the first of them a character of the byte table of GPT-2."""

TOY = Capability(
    round_trip="lossless",
    bytes_in=True,
    byte_complete=True,
    char_spans=True,
    parse=True,
    piece=True,
    pretokens=True,
    library_stream=True,
    ranks=True,
)


def merge_bytes(data: bytes, ranks: Mapping[bytes, int]) -> list[int]:
    """Merge the pair of lowest rank, the leftmost first, until none is left."""
    parts = [bytes([value]) for value in data]
    never = 1 + max(ranks.values())
    order = [ranks.get(left + right, never) for left, right in itertools.pairwise(parts)]
    while order and (lowest := min(order)) < never:
        index = order.index(lowest)
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
        del order[index]
        for beside in (index - 1, index):
            if 0 <= beside < len(order):
                order[beside] = ranks.get(parts[beside] + parts[beside + 1], never)
    return [ranks[part] for part in parts]


class ToyTokenizer(Tokenizer):
    """Byte-level BPE with a split pattern, special tokens, added tokens, spans and a streaming decoder.

    Args:
        name: Name in reports.
        merges: Merged tokens in the order of their ranks, which follow the 256 bytes.
        specials: Special tokens and their ids; parsed under ``specials="parse"`` only.
        added: Added tokens that are plain text, always found in text.
        capability: What it promises.
        surrogates: As in the base class.
    """

    def __init__(
        self,
        *,
        name: str = "toy",
        merges: Sequence[bytes] = MERGES,
        specials: Mapping[str, int] = SPECIALS,
        added: Mapping[str, int] = ADDED,
        capability: Capability = TOY,
        surrogates: str = "raise",
    ) -> None:
        self.ranks = {bytes([value]): value for value in range(256)} | {
            token: 256 + index for index, token in enumerate(merges)
        }
        self.specials = dict(specials)
        self.added = dict(added)
        self.split = re.compile(PATTERN)
        table = self._load_table()
        info = make_info(
            spec=f"toy:{name}",
            backend="toy",
            name=name,
            family="byte-level-bpe",
            files=(),
            libraries=(),
            switches={"class": f"{type(self).__module__}.{type(self).__qualname__}", "surrogates": surrogates},
            capability=capability,
            n_ids=len({*table.bytes_of, *table.kinds}),
            n_vocab=1 + max(len(self.ranks) - 1, *self.specials.values(), *self.added.values(), 0),
        )
        super().__init__(info, surrogates="replace" if surrogates == "replace" else "raise")

    # ------------------------------------------------------------------ vocabulary

    def _load_table(self) -> VocabularyTable:
        kinds: dict[int, Kind] = dict.fromkeys(self.specials.values(), "special")
        kinds.update(dict.fromkeys(self.added.values(), "added"))
        return VocabularyTable(
            bytes_of={rank: token for token, rank in self.ranks.items()}
            | {token_id: content.encode() for content, token_id in self.added.items()},
            kinds=kinds,
            names={token_id: name for name, token_id in self.specials.items()},
        )

    # ------------------------------------------------------------------ encoding

    def _normalise(self, text: str) -> str:
        return text

    def _merge(self, data: bytes) -> list[int]:
        return merge_bytes(data, self.ranks)

    def _encode_stretch(self, text: str) -> list[int]:
        """Ids of text without tokens that are matched as a whole."""
        return [token for match in self.split.finditer(text) for token in self._merge(match.group().encode())]

    def _encode_whole(self, text: str, whole: Mapping[str, int]) -> list[int]:
        """Ids of text in which the strings ``whole`` are tokens."""
        if not whole:
            return self._encode_stretch(text)
        names = sorted(whole, key=lambda name: (-len(name), name))
        ids: list[int] = []
        for index, part in enumerate(re.split(f"({'|'.join(map(re.escape, names))})", text)):
            ids += [whole[part]] if index % 2 else self._encode_stretch(part)
        return ids

    def _prefixed(self, text: str) -> str:
        return self.info.prefix.decode() + text if text else text

    def _encode(self, text: str) -> list[int]:
        return self._encode_whole(self._prefixed(self._normalise(text)), self.added)

    def _encode_parse(self, text: str) -> list[int]:
        return self._encode_whole(self._prefixed(self._normalise(text)), {**self.added, **self.specials})

    def _encode_bytes(self, data: bytes) -> list[int]:
        return self._merge(self.info.prefix + data) if data else []

    def _encode_piece(self, data: bytes) -> list[int]:
        return self._merge(data)

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        spans, position = [], 0
        for match in self.split.finditer(text):
            end = position + len(match.group().encode())
            spans.append((position, end))
            position = end
        return spans

    def _preimage(self, text: str) -> bytes:
        return self._prefixed(self._normalise(text)).encode()

    # ------------------------------------------------------------------ decoding

    def _decode(self, ids: list[int]) -> str:
        names = {token_id: name for name, token_id in self.specials.items()}
        text, run = "", b""
        for token_id in ids:
            if token_id in names:
                text, run = text + run.decode("utf-8", "replace") + names[token_id], b""
            else:
                run += self._table.bytes_of[token_id]
        return (text + run.decode("utf-8", "replace")).removeprefix(self.info.prefix.decode())

    def library_stream(self, ids: Sequence[int]) -> list[str]:
        known, chunks, shown = self._known(ids), [], ""
        for count in range(1, len(known) + 1):
            text = self._decode(known[:count])
            if text.endswith("\ufffd"):
                chunks.append("")
            else:
                chunks.append(text[len(shown) :])
                shown = text
        return chunks

    # ------------------------------------------------------------------ spans

    def _char_spans(self, text: str) -> list[tuple[int, int]]:
        """The characters any of whose bytes a token holds; an inserted prefix is part of no character."""
        owner = [index for index, character in enumerate(text) for _ in character.encode()]
        spans, position = [], -len(self.info.prefix)
        for token_id in self._encode(text):
            end = position + len(self._table.bytes_of[token_id])
            held = owner[max(position, 0) : max(end, 0)]
            spans.append((held[0], held[-1] + 1) if held else (0, 0))
            position = end
        return spans


class NfcToy(ToyTokenizer):
    """Brings text to NFC first, and says so."""

    def __init__(self) -> None:
        capability = Capability(
            round_trip="lossless-except",
            exceptions=frozenset({"not-nfc"}),
            spans="none",
            parse=True,
            piece=True,
            library_stream=True,
        )
        super().__init__(name="nfc", capability=capability)

    def _normalise(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)

    def _encode_bytes(self, data: bytes) -> list[int]:
        return Tokenizer._encode_bytes(self, data)

    def _char_spans(self, text: str) -> list[tuple[int, int]]:
        return Tokenizer._char_spans(self, text)

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        return Tokenizer._pretoken_spans(self, text)


class PrefixToy(ToyTokenizer):
    """Inserts one space in front of text, as SentencePiece does."""

    def __init__(self) -> None:
        capability = Capability(
            round_trip="lossless", byte_complete=True, char_spans=True, prefix=b" ", piece=True, library_stream=True
        )
        super().__init__(name="prefix", specials={"<s>": 311}, added={}, capability=capability)

    def _encode_parse(self, text: str) -> list[int]:
        return Tokenizer._encode_parse(self, text)

    def _encode_bytes(self, data: bytes) -> list[int]:
        return Tokenizer._encode_bytes(self, data)

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        return Tokenizer._pretoken_spans(self, text)


class UnknownToy(ToyTokenizer):
    """Knows ASCII only: each other character is one unknown token, and it says so."""

    UNKNOWN = 330

    def __init__(self) -> None:
        capability = Capability(
            round_trip="lossy", losses=frozenset({"unknown-token"}), spans="library", char_spans=True, preimage=False
        )
        super().__init__(name="unknown", specials={}, added={}, capability=capability)

    def _load_table(self) -> VocabularyTable:
        ascii_only = {rank: token for token, rank in self.ranks.items() if token.isascii()}
        return VocabularyTable(ascii_only, {self.UNKNOWN: "unknown"}, {self.UNKNOWN: "[UNK]"})

    def _encode_stretch(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in re.split(r"([^\x00-\x7f])", text):
            ids += super()._encode_stretch(part) if part.isascii() else [self.UNKNOWN]
        return ids

    def _encode_parse(self, text: str) -> list[int]:
        return Tokenizer._encode_parse(self, text)

    def _encode_bytes(self, data: bytes) -> list[int]:
        return Tokenizer._encode_bytes(self, data)

    def _encode_piece(self, data: bytes) -> list[int]:
        return Tokenizer._encode_piece(self, data)

    def _pretoken_spans(self, text: str) -> list[tuple[int, int]]:
        return Tokenizer._pretoken_spans(self, text)

    def _decode(self, ids: list[int]) -> str:
        return "".join(
            "[UNK]" if token_id == self.UNKNOWN else self._table.bytes_of[token_id].decode() for token_id in ids
        )

    def library_stream(self, ids: Sequence[int]) -> list[str]:
        return Tokenizer.library_stream(self, ids)

    def _char_spans(self, text: str) -> list[tuple[int, int]]:
        spans, position = [], 0
        for token_id in self._encode(text):
            end = position + (1 if token_id == self.UNKNOWN else len(self._table.bytes_of[token_id]))
            spans.append((position, end))
            position = end
        return spans


def healthy() -> list[Tokenizer]:
    """Tokenizers on which every law has to hold or not to apply."""
    from tokbench.tokenizers import load_tokenizer

    return [load_tokenizer("bytes"), ToyTokenizer(), NfcToy(), PrefixToy(), UnknownToy()]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A tokenizer with one planted bug.

    Attributes:
        law: Id of the law that has to catch it.
        make: Makes it.
        why: The bug, in a few words.
    """

    law: str
    make: Callable[[], Tokenizer]
    why: str
