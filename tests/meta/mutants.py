"""Planted bugs for the laws on vocabulary, text, special tokens, spans, streams and calls."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from toys import Mutant, PrefixToy, ToyTokenizer

from tokbench.tokenizers import ByteStream, Specials, Tokenizer, VocabularyTable

# ---------------------------------------------------------------------- vocabulary


class RangeWithGaps(ToyTokenizer):
    """``ids()`` is ``range(n)`` although ids are missing."""

    def ids(self) -> Sequence[int]:
        return range(max(super().ids()) + 1)


class UnknownIdDecodes(ToyTokenizer):
    """An id that does not exist decodes to nothing instead of being an error."""

    def decode(self, ids: Iterable[int]) -> str:
        return super().decode([token_id for token_id in ids if token_id in self._idset])


class LastByteDropped(ToyTokenizer):
    """Long tokens lose their last byte in the table of token bytes."""

    def token_bytes(self, token_id: int) -> bytes:
        data = super().token_bytes(token_id)
        return data[:-1] if len(data) > 3 else data

    def join_bytes(self, ids: Iterable[int], *, strict: bool = False) -> bytes:
        return b"".join(
            self.token_bytes(token_id) for token_id in ids if strict or token_id not in self.specials.values()
        )


class TwoIdsSwapped(ToyTokenizer):
    """Two ids have each other's bytes."""

    def _load_table(self) -> VocabularyTable:
        table = super()._load_table()
        first, second = self.ranks[b"th"], self.ranks[b"20"]
        bytes_of = {**table.bytes_of, first: table.bytes_of[second], second: table.bytes_of[first]}
        return replace(table, bytes_of=bytes_of)


class ByteNamesEverywhere(ToyTokenizer):
    """Text ``<0xNN>`` is taken for a byte piece."""

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for index, part in enumerate(re.split("<0x([0-9A-Fa-f]{2})>", text)):
            ids += [int(part, 16)] if index % 2 else super()._encode(part)
        return ids


class SilentDrop(ToyTokenizer):
    """Characters outside the basic plane leave no id."""

    def _encode_stretch(self, text: str) -> list[int]:
        return super()._encode_stretch("".join(character for character in text if ord(character) < 0x10000))


class UnknownUndeclared(ToyTokenizer):
    """Han characters become an unknown token, and the capability says lossless."""

    UNKNOWN = 330

    def _load_table(self) -> VocabularyTable:
        table = super()._load_table()
        return replace(
            table,
            kinds={**table.kinds, self.UNKNOWN: "unknown"},
            names={**table.names, self.UNKNOWN: "[UNK]"},
        )

    def _encode_stretch(self, text: str) -> list[int]:
        ids: list[int] = []
        for part in re.split("([\u4e00-\u9fff])", text):
            ids += [self.UNKNOWN] if re.fullmatch("[\u4e00-\u9fff]", part) else super()._encode_stretch(part)
        return ids


class PrefixIgnored(PrefixToy):
    """Declares an inserted space and inserts none."""

    def _prefixed(self, text: str) -> str:
        return text


# ---------------------------------------------------------------------- text


class NfcUndeclared(ToyTokenizer):
    """Brings text to NFC while declared lossless."""

    def _normalise(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)

    def _preimage(self, text: str) -> bytes:
        return text.encode()


class U2581Undeclared(ToyTokenizer):
    """U+2581 becomes a space while declared lossless."""

    def _decode(self, ids: list[int]) -> str:
        return super()._decode(ids).replace("\u2581", " ")


class InvalidBytesReplaced(ToyTokenizer):
    """Bytes go through text, so that invalid ones become EF BF BD."""

    def _encode_bytes(self, data: bytes) -> list[int]:
        return super()._encode_bytes(data.decode("utf-8", "replace").encode())


class SpaceBeforeQuestionMark(ToyTokenizer):
    """Decoding cleans up spaces before a question mark."""

    def _decode(self, ids: list[int]) -> str:
        return super()._decode(ids).replace(" ?", "?")


class LeadingSpaceLost(ToyTokenizer):
    """Decoding strips one space in front."""

    def _decode(self, ids: list[int]) -> str:
        return super()._decode(ids).removeprefix(" ")


class DecodeAddsSpace(ToyTokenizer):
    """Decoding puts a space in front."""

    def _decode(self, ids: list[int]) -> str:
        text = super()._decode(ids)
        return f" {text}" if text else text


class EmptyContinuationCrashes(ToyTokenizer):
    """Decoding an empty list of ids, as an empty continuation asks for, crashes."""

    def _decode(self, ids: list[int]) -> str:
        assert ids[0] >= 0
        return super()._decode(ids)


# ---------------------------------------------------------------------- special and added tokens


class AnotherPathUnderParse(ToyTokenizer):
    """Parsing special tokens takes another split pattern, for texts without any too."""

    def _encode_parse(self, text: str) -> list[int]:
        parts = re.split("( )", text)
        return [token_id for part in parts for token_id in super(AnotherPathUnderParse, self)._encode_parse(part)]


class SpecialParsedInText(ToyTokenizer):
    """Plain encoding parses special tokens."""

    def _encode(self, text: str) -> list[int]:
        return self._encode_parse(text)


class SpecialMissedUnderParse(ToyTokenizer):
    """Parsing misses one of the special tokens."""

    def _encode_parse(self, text: str) -> list[int]:
        return self._encode_whole(text, {**self.added, "<s>": self.specials["<s>"]})


class SpaceBehindSpecial(ToyTokenizer):
    """Text behind a special token gets a space."""

    def _encode_parse(self, text: str) -> list[int]:
        ids: list[int] = []
        for token_id in super()._encode_parse(text):
            ids.append(token_id)
            if token_id in self.specials.values():
                ids.append(0x20)
        return ids


class ByteTableOnAdded(ToyTokenizer):
    """Added text is decoded through the byte table: ``č`` becomes a carriage return."""

    def _decode(self, ids: list[int]) -> str:
        table = {self.added[name]: name.replace("\u010d", "\r") for name in self.added}
        return "".join(
            table[token_id] if token_id in table else super(ByteTableOnAdded, self)._decode([token_id])
            for token_id in ids
        )


# ---------------------------------------------------------------------- spans and streams


class SpanBeyondTheEnd(ToyTokenizer):
    """The last span ends behind the text."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        spans = super().spans(text)
        return [*spans[:-1], (spans[-1][0], spans[-1][1] + 1)] if spans else spans


class SpanGap(ToyTokenizer):
    """A span leaves out the space that its token begins with."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        data = text.encode()
        return [
            (start + 1, end) if end - start > 1 and data[start : start + 1] == b" " else (start, end)
            for start, end in super().spans(text)
        ]


class SpansOfNormalisedText(ToyTokenizer):
    """The library's spans count the code points of the decomposed text."""

    def _char_spans(self, text: str) -> list[tuple[int, int]]:
        before = [0]
        for character in text:
            before.append(before[-1] + len(unicodedata.normalize("NFD", character)))
        return [(before[start], before[end]) for start, end in super()._char_spans(text)]


class StreamRaises(ToyTokenizer):
    """The library's stream raises where a character is left unfinished."""

    def library_stream(self, ids: Sequence[int]) -> list[str]:
        if super().decode_bytes(ids).decode("utf-8", "replace").endswith("\ufffd"):
            raise RuntimeError("Invalid prefix encountered")
        return super().library_stream(ids)


class StreamShowsUnfinished(ToyTokenizer):
    """The library's stream shows U+FFFD for a character that the next id completes."""

    def library_stream(self, ids: Sequence[int]) -> list[str]:
        return [self.decode([token_id]) for token_id in ids]


class StreamHoldsBack(ToyTokenizer):
    """The library's stream never shows what an unfinished character has held back once."""

    def library_stream(self, ids: Sequence[int]) -> list[str]:
        chunks, lost = [], False
        for chunk in super().library_stream(ids):
            lost = lost or not chunk
            chunks.append("" if lost else chunk)
        return chunks


class _PerToken(ByteStream):
    def step(self, token_id: int) -> bytes:
        return super().step(token_id).decode("utf-8", "replace").encode()


class PerTokenDecode(ToyTokenizer):
    """Our own stream decodes each token as text."""

    def stream(self, *, strict: bool = False) -> ByteStream:
        return _PerToken(self, strict=strict)


class _Forgetful(ByteStream):
    """Holds one chunk back and forgets it at the end."""

    _late = b""

    def step(self, token_id: int) -> bytes:
        ready, self._late = self._late, super().step(token_id)
        return ready


class StreamForgetsFinish(ToyTokenizer):
    """Our own stream holds bytes back and does not give them at the end."""

    def stream(self, *, strict: bool = False) -> ByteStream:
        return _Forgetful(self, strict=strict)


# ---------------------------------------------------------------------- calls


class PadsToLongest(ToyTokenizer):
    """A batch is padded to its longest text."""

    def _encode_batch(self, texts: list[str]) -> list[list[int]]:
        rows = [self._encode(text) for text in texts]
        width = max(map(len, rows), default=0)
        return [row + [0] * (width - len(row)) for row in rows]


class BatchTruncates(ToyTokenizer):
    """A batch is cut to eight ids a text."""

    def _encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [self._encode(text)[:8] for text in texts]


class StateKept(ToyTokenizer):
    """Parsing special tokens once makes every later call parse them."""

    parses = False

    def _encode_parse(self, text: str) -> list[int]:
        self.parses = True
        return super()._encode_parse(text)

    def _encode(self, text: str) -> list[int]:
        return super()._encode_parse(text) if self.parses else super()._encode(text)


class _Flagged(ToyTokenizer):
    """Keeps special text as text as long as a run-time flag is set."""

    def __init__(self) -> None:
        super().__init__()
        self.flag = True

    def _encode(self, text: str) -> list[int]:
        return super()._encode(text) if self.flag else self._encode_parse(text)


class FlagLostOnPickle(_Flagged):
    """A pickle loses a run-time flag; a deep copy keeps it."""

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "flag": False}

    def __deepcopy__(self, memo: dict[int, object]) -> FlagLostOnPickle:
        return FlagLostOnPickle()


class FlagLostOnDeepcopy(_Flagged):
    """A deep copy loses a run-time flag."""

    def __deepcopy__(self, memo: dict[int, object]) -> FlagLostOnDeepcopy:
        copy = FlagLostOnDeepcopy()
        copy.flag = False
        return copy


class DependsOnHashSeed(ToyTokenizer):
    """An id depends on the hash of a string, which is another one in each process."""

    def _encode(self, text: str) -> list[int]:
        return [*super()._encode(text), hash("tokbench") % 256]


class RepairsThenRaises(ToyTokenizer):
    """``encode`` replaces surrogates silently, ``encode_batch`` raises."""

    def encode(self, text: str, *, specials: Specials = "text") -> list[int]:
        return super().encode(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), specials=specials)


class PairBecomesTwo(ToyTokenizer):
    """Under ``surrogates=replace`` a pair becomes two U+FFFD in a batch and its character elsewhere."""

    def __init__(self) -> None:
        super().__init__(surrogates="replace")

    def encode_batch(self, texts: Iterable[str], *, specials: Specials = "text") -> list[list[int]]:
        return [
            self.encode("".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text))
            for text in texts
        ]


class Panic(BaseException):
    """What a panic of a Rust library looks like from Python."""


class PanicOnLongInput(ToyTokenizer):
    """Panics on long runs of one character."""

    def _encode(self, text: str) -> list[int]:
        if len(text) > 500:
            raise Panic("stack overflow")
        return super()._encode(text)


class OverflowOnHugeId(ToyTokenizer):
    """A huge id overflows in the library instead of being an unknown id."""

    def decode(self, ids: Iterable[int]) -> str:
        known = list(ids)
        if any(not 0 <= token_id < 2**32 for token_id in known):
            raise Panic("out of range integral type conversion attempted")
        return super().decode(known)


def _of(law: str, **classes: Callable[[], Tokenizer]) -> dict[str, Mutant]:
    return {name.replace("_", "-"): Mutant(law, make, (make.__doc__ or "").strip()) for name, make in classes.items()}


MUTANTS: dict[str, Mutant] = {
    **_of("id-space", range_with_gaps=RangeWithGaps, unknown_id_decodes_to_nothing=UnknownIdDecodes),
    **_of("token-bytes", last_byte_dropped=LastByteDropped, two_ids_swapped=TwoIdsSwapped),
    **_of("literal-byte-names", byte_names_everywhere=ByteNamesEverywhere),
    **_of("unknown-declared", silent_drop=SilentDrop, unknown_undeclared=UnknownUndeclared),
    **_of("config-honoured", prefix_option_ignored=PrefixIgnored),
    **_of("round-trip", nfc_undeclared=NfcUndeclared, u2581_undeclared=U2581Undeclared),
    **_of("bytes-round-trip", invalid_bytes_replaced=InvalidBytesReplaced),
    **_of("decode-cleanup", space_before_question_mark_deleted=SpaceBeforeQuestionMark),
    **_of("indentation", one_leading_space_lost=LeadingSpaceLost),
    **_of("idempotent", decode_adds_a_space=DecodeAddsSpace),
    **_of("boundary-join", empty_continuation_crashes=EmptyContinuationCrashes),
    **_of("ordinary", another_path_under_parse=AnotherPathUnderParse),
    **_of(
        "injection",
        special_parsed_in_plain_text=SpecialParsedInText,
        special_missed_under_parse=SpecialMissedUnderParse,
    ),
    **_of("special-join", space_inserted_behind_special=SpaceBehindSpecial),
    **_of("added-token", byte_table_on_added_text=ByteTableOnAdded),
    **_of("spans-cover", span_beyond_the_end=SpanBeyondTheEnd, span_gap=SpanGap),
    **_of("spans-reference", spans_of_normalised_text=SpansOfNormalisedText),
    **_of(
        "stream-prefix",
        stream_raises=StreamRaises,
        stream_shows_unfinished=StreamShowsUnfinished,
        stream_holds_back_for_good=StreamHoldsBack,
    ),
    **_of("stream-exact", per_token_decode=PerTokenDecode, stream_forgets_finish=StreamForgetsFinish),
    **_of("batch-is-map", pads_to_longest=PadsToLongest, batch_truncates=BatchTruncates),
    **_of(
        "pure",
        state_kept_between_calls=StateKept,
        flag_lost_on_pickle=FlagLostOnPickle,
        flag_lost_on_deepcopy=FlagLostOnDeepcopy,
        depends_on_hash_seed=DependsOnHashSeed,
    ),
    **_of("surrogates", encode_repairs_batch_raises=RepairsThenRaises, pair_becomes_two=PairBecomesTwo),
    **_of("errors", panic_on_long_input=PanicOnLongInput, overflow_on_huge_id=OverflowOnHugeId),
}
