"""Laws on files: what an engine makes of the vocabulary, the merges and the settings that a file holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from hypothesis import strategies as st

from tokbench.errors import TokenizerFileError, UnsupportedError
from tokbench.laws._bpe import byte_pieces, looks_up_whole, merges_of, needs_ranks
from tokbench.laws._golden import golden_of, no_golden_ids
from tokbench.laws._judge import require
from tokbench.laws.law import LawViolation, NotJudgedError, law, links
from tokbench.laws.strategies import EXAMPLES, texts
from tokbench.tokenizers import Tokenizer
from tokbench.tokenizers.reference import merge_piece

if TYPE_CHECKING:
    import tokenizers

__all__ = ["capability_flag", "golden_digits", "never_fix", "pretokenizer_probes", "ranks_merges", "sp_vs_hf"]

# ---------------------------------------------------------------------- ranks and merges


def _substrings(data: bytes) -> Iterator[bytes]:
    for start in range(len(data)):
        for end in range(start + 1, len(data) + 1):
            yield data[start:end]


@law(
    "ranks-merges",
    "ranks written as merges and read back give the encodings that they gave before, which are the engine's",
    reasons=links("tiktoken#60"),
    needs=needs_ranks,
    strategy=byte_pieces,
    examples=(b".:.:", b"the hello", b"000000", b"\xf0\x9f\xa6\x99"),
    mutants=("merge-lost",),
    share=0.5,
)
def ranks_merges(tokenizer: Tokenizer, data: bytes) -> None:
    """Convert there and back what bears on one pre-token: the tokens that occur in it, in the order of their ranks."""
    from tokbench.tokenizers.convert import merges_to_ranks, ranks_to_merges

    ranks = merges_of(tokenizer).ranks
    # Tokens that do not occur in the data, or in tokens that do, take no part in merging either.
    order = sorted({part for part in _substrings(data) if part in ranks}, key=ranks.__getitem__)
    before = {token: ranks[token] for token in order}
    after = merges_to_ranks(ranks_to_merges(before), [token for token in order if len(token) == 1])
    ids_after = [ranks[token] for token in _tokens(after, merge_piece(after, data, whole_first=False))]
    ids_before = merge_piece(before, data, whole_first=False)
    require(ids_after == ids_before, "ranks -> merges -> ranks gives another encoding", expected=ids_before,
            got=ids_after)  # fmt: skip
    if looks_up_whole(tokenizer) and data in ranks:
        return  # found as a whole, whatever the merges are: the law ignore-merges
    got = tokenizer.encode_piece(data)
    require(got == ids_after, "the engine does not encode as the merges made from its ranks", expected=ids_after,
            got=got)  # fmt: skip


def _tokens(ranks: Mapping[bytes, int], ids: list[int]) -> list[bytes]:
    token_of = {rank: token for token, rank in ranks.items()}
    return [token_of[rank] for rank in ids]


# ---------------------------------------------------------------------- golden ids


def _engine(tokenizer: Tokenizer) -> str:
    return ", ".join(f"{name} {version}" for name, version in tokenizer.info.libraries)


def _compare(tokenizer: Tokenizer, text: str, expected: tuple[int, ...] | None) -> str:
    if expected is None:
        raise NotJudgedError("there are no golden ids for this text")
    got = tokenizer.encode(text)
    golden = golden_of(tokenizer)
    assert golden is not None
    require(got == list(expected), f"not the golden ids of {golden.name} ({_engine(tokenizer)})",
            expected=list(expected), got=got)  # fmt: skip
    return f"{golden.name}, {_engine(tokenizer)}"


def _probe_texts(tokenizer: Tokenizer) -> st.SearchStrategy[str]:
    golden = golden_of(tokenizer)
    assert golden is not None
    return st.sampled_from(list(golden.probes))


def _digit_texts(tokenizer: Tokenizer) -> st.SearchStrategy[str]:
    golden = golden_of(tokenizer)
    assert golden is not None
    return st.sampled_from(list(golden.digits))


@law(
    "pretokenizer-probes",
    "texts that tell split patterns apart give the golden ids of the vocabulary, such as `eBay mL NaOH pH`",
    reasons=links("transformers#42299", "transformers#42591", "Tokenicer#61"),
    needs=no_golden_ids,
    strategy=_probe_texts,
    mutants=("other-split-pattern",),
)
def pretokenizer_probes(tokenizer: Tokenizer, text: str) -> str:
    """Compare with the ids of ``suites/exactness/golden.toml``."""
    golden = golden_of(tokenizer)
    return _compare(tokenizer, text, golden.probes.get(text) if golden is not None else None)


def _no_digits(tokenizer: Tokenizer) -> str | None:
    golden = golden_of(tokenizer)
    if golden is not None and not golden.digits:
        return f"no golden ids of numbers for {golden.name}"
    return no_golden_ids(tokenizer)


@law(
    "golden-digits",
    "numbers give the golden ids of the vocabulary: `2023` is [2366, 18] in cl100k",
    reasons=links("transformers#45812", "transformers#45920", "transformers#45701"),
    needs=_no_digits,
    strategy=_digit_texts,
    mutants=("digits-split-singly",),
)
def golden_digits(tokenizer: Tokenizer, text: str) -> str:
    """Compare with the ids of ``suites/exactness/golden.toml``."""
    golden = golden_of(tokenizer)
    return _compare(tokenizer, text, golden.digits.get(text) if golden is not None else None)


# ---------------------------------------------------------------------- sentencepiece and tokenizers


@dataclass(frozen=True, slots=True)
class _Converted:
    """A sentencepiece model as a Hugging Face tokenizer, or why there is none.

    Attributes:
        engine: The conversion, or None.
        reason: Why there is none.
        apart: Pieces around which the two formats differ by necessity (see ``convert.sp_bpe_to_hf``).
    """

    engine: tokenizers.Tokenizer | None
    reason: str
    apart: tuple[str, ...] = ()


_CONVERTED: WeakKeyDictionary[Tokenizer, _Converted] = WeakKeyDictionary()


def _unsayable(tokenizer: Tokenizer) -> str | None:
    """A piece one of whose characters is no piece: sentencepiece merges such characters, a list of merges cannot."""
    normal = {
        tokenizer.token_bytes(token_id).decode() for token_id in tokenizer.ids() if tokenizer.kind(token_id) == "normal"
    }
    return next((piece for piece in sorted(normal) if not normal.issuperset(piece)), None)


def _convert(tokenizer: Tokenizer) -> _Converted:
    from tokbench.tokenizers._sentencepiece import SentencePieceTokenizer
    from tokbench.tokenizers.convert import sp_bpe_to_hf

    if not isinstance(tokenizer, SentencePieceTokenizer):
        return _Converted(None, "the engine does not give its sentencepiece model away")
    try:
        engine = sp_bpe_to_hf(tokenizer.processor.serialized_model_proto())
    except TokenizerFileError as error:
        return _Converted(None, f"the model has no equal in merges: {error.found}")
    if odd := _unsayable(tokenizer):
        return _Converted(None, f"the piece {odd!a} holds a character that is no piece, which merges cannot say")
    engine.encode_special_tokens = True  # text that spells a special token is text
    added = (token_id for token_id in tokenizer.ids() if tokenizer.kind(token_id) == "added")
    apart = tuple(tokenizer.token_bytes(token_id).decode() for token_id in added) if tokenizer.info.prefix else ()
    return _Converted(engine, "", apart)


def _converted(tokenizer: Tokenizer) -> _Converted:
    found = _CONVERTED.get(tokenizer)
    if found is None:
        found = _CONVERTED[tokenizer] = _convert(tokenizer)
    return found


def _no_conversion(tokenizer: Tokenizer) -> str | None:
    family = tokenizer.info.family
    if not family.startswith("sentencepiece"):
        return "not loaded from a sentencepiece model"
    if family != "sentencepiece-bpe":
        kind = family.removeprefix("sentencepiece-")
        return f"a {kind} model has no merges, and the two libraries do not read its normaliser alike"
    return _converted(tokenizer).reason or None


@law(
    "sp-vs-hf",
    "a sentencepiece BPE model with byte fallback gives the same ids when its merges run in the tokenizers library",
    reasons=links("tokenizers#1311", "transformers#24233", "transformers#25316", "transformers#41870"),
    needs=_no_conversion,
    strategy=texts,
    examples=(*EXAMPLES, " a", "  a", "a  b", "a\u2581b"),
    mutants=("prefix-omitted",),
)
def sp_vs_hf(tokenizer: Tokenizer, text: str) -> None:
    """Compare with the conversion that :func:`tokbench.tokenizers.convert.sp_bpe_to_hf` makes of the model."""
    converted = _converted(tokenizer)
    assert converted.engine is not None
    if any(piece in text.replace("\u2581", " ") for piece in converted.apart):
        raise NotJudgedError("the text spells a user-defined piece, after which the library inserts another prefix")
    expected = converted.engine.encode(text, add_special_tokens=False).ids
    got = tokenizer.encode(text)
    require(got == expected, "the two engines differ on one model", expected=expected, got=got)


# ---------------------------------------------------------------------- capabilities


def _tiles(spans: list[tuple[int, int]], length: int) -> bool:
    edges = [0, *(edge for span in spans for edge in span), length]
    return edges[::2] == edges[1::2]


def _bytes_in(tokenizer: Tokenizer, text: str) -> bool:
    data = text.encode() + b"\xff"
    return tokenizer.decode_bytes(tokenizer.encode_bytes(data)) == data


def _piece(tokenizer: Tokenizer, text: str) -> bool:
    data = text.split(maxsplit=1)[0].encode()
    return tokenizer.join_bytes(tokenizer.encode_piece(data)) == data


_OPERATIONS: Mapping[str, Callable[[Tokenizer, str], bool]] = {
    "bytes_in": _bytes_in,
    "char_spans": lambda tokenizer, text: len(tokenizer.char_spans(text)) == len(tokenizer.encode(text)),
    "parse": lambda tokenizer, text: tokenizer.encode(text, specials="parse") == tokenizer.encode(text),
    "piece": _piece,
    "pretokens": lambda tokenizer, text: _tiles(tokenizer.pretoken_spans(text), len(text.encode())),
    "library_stream": lambda tokenizer, text: (
        len(tokenizer.library_stream(tokenizer.encode(text))) == len(tokenizer.encode(text))
    ),
    "preimage": lambda tokenizer, text: bool(tokenizer.preimage(text)),
}
"""Operations that a capability stands for: whether one works on a text on which nothing special happens."""

_PLAIN = ("a", "hello world", "The year 2023.")


def _claims(tokenizer: Tokenizer) -> Iterator[tuple[str, str]]:
    """Capabilities that are not as declared, each with what was found."""
    capability = tokenizer.info.capability
    for name, works in _OPERATIONS.items():
        claimed = bool(getattr(capability, name))
        for text in _PLAIN:
            try:
                found = "works" if works(tokenizer, text) else "has a wrong result"
            except UnsupportedError:
                found = "raises UnsupportedError"
            except Exception as error:  # noqa: BLE001, a capability may break in any way
                found = f"raises {type(error).__name__}: {error}"
            if found != ("works" if claimed else "raises UnsupportedError"):
                yield f"{name} is {'claimed' if claimed else 'not claimed'}", f"{found} on {text!r}"
    if capability.byte_complete:
        single = {
            tokenizer.token_bytes(token_id)
            for token_id in tokenizer.ids()
            if tokenizer.kind(token_id) in {"normal", "byte"} and token_id not in tokenizer.undecodable()
        }
        missing = [value for value in range(256) if bytes([value]) not in single]
        if missing:
            yield "byte_complete is claimed", f"{len(missing)} single bytes are no tokens, the first is {missing[0]:#x}"
    if capability.ranks and not capability.piece:
        yield "ranks are claimed", "no merges of one pre-token are offered to compare them with"


@law(
    "capability-flag",
    "what a tokenizer claims to do works, and what it does not claim raises UnsupportedError",
    reasons=links("tokenizers#1682"),
    mutants=("claimed-but-absent", "absent-but-silent"),
)
def capability_flag(tokenizer: Tokenizer, _data: None) -> str:
    """Try each operation on three plain texts."""
    for claim, found in _claims(tokenizer):
        raise LawViolation(f"{claim}, but {found}")
    capability = tokenizer.info.capability
    absent = [name for name in _OPERATIONS if not getattr(capability, name)]
    return f"not offered: {', '.join(absent)}" if absent else "everything is offered"


# ---------------------------------------------------------------------- never-fix

_SHOWN = 80


def _differences(shipped: Any, loaded: Any, where: str) -> Iterator[tuple[str, object, object]]:  # noqa: ANN401, JSON
    """Places where ``loaded`` is not what ``shipped`` says.

    Defaults that only ``loaded`` has are none, nor are keys that the library does not know; the one key of a
    variant (``{"String": ...}``, ``{"Regex": ...}``) is.
    """
    if shipped == loaded:
        return
    if isinstance(shipped, dict) and isinstance(loaded, dict):
        if len(shipped) == len(loaded) == 1 and shipped.keys() != loaded.keys():
            yield where, shipped, loaded
        for key in shipped.keys() & loaded.keys():
            yield from _differences(shipped[key], loaded[key], f"{where}.{key}" if where else str(key))
        if where.endswith("vocab") or not where:  # tables, where a key too many is no default
            for key in shipped.keys() ^ loaded.keys():
                yield f"{where}.{key!a}", shipped.get(key), loaded.get(key)
    elif isinstance(shipped, list) and isinstance(loaded, list) and len(shipped) == len(loaded):
        for index, (first, second) in enumerate(zip(shipped, loaded, strict=True)):
            yield from _differences(first, second, f"{where}[{index}]")
    elif isinstance(shipped, str) and isinstance(loaded, list):
        if shipped.split(" ") != loaded:  # a merge in the older form
            yield where, shipped, loaded
    else:
        yield where, shipped, loaded


def _untold(tokenizer: Tokenizer) -> str | None:
    if tokenizer.shipped_configuration() is None:
        return "the adapter does not tell what its file says (or has no file)"
    return None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@law(
    "never-fix",
    "a file is used as it was shipped: nothing in it is repaired, not even what looks like a mistake",
    reasons=links("llama.cpp#29211"),
    needs=_untold,
    mutants=("pattern-repaired",),
)
def never_fix(tokenizer: Tokenizer, _data: None) -> str | None:
    """Compare what the file says with what the loaded engine says of itself."""
    told = tokenizer.shipped_configuration()
    if told is None:
        raise NotJudgedError("the adapter does not tell what its file says")
    for where, shipped, loaded in _differences(*told, ""):
        raise LawViolation(f"{where} is not as shipped", expected=_short(shipped), got=_short(loaded))
    return None
