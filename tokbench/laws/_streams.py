"""Laws on decoding id by id."""

from __future__ import annotations

from tokbench.laws import _judge as judge
from tokbench.laws.law import NotJudgedError, law, links
from tokbench.laws.strategies import ids as id_sequences
from tokbench.tokenizers import Tokenizer

__all__ = ["stream_exact", "stream_prefix"]


def _needs_library_stream(tokenizer: Tokenizer) -> str | None:
    return None if tokenizer.info.capability.library_stream else "the library has no streaming decoder"


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@law(
    "stream-prefix",
    "what the library's stream shows is a prefix of decode(ids); a rest exists only where decode(ids) ends in "
    "U+FFFD, and is what the ids held back decode to",
    reasons=links("tokenizers#1705", "vllm#24159"),
    needs=_needs_library_stream,
    strategy=id_sequences,
    examples=([],),
    mutants=("stream-raises", "stream-shows-unfinished", "stream-holds-back-for-good"),
)
def stream_prefix(tokenizer: Tokenizer, ids: list[int]) -> None:
    """A stream shows the truth, only later.

    Byte pieces that are not UTF-8 are left out: the decoder of byte fallback replaces each byte of a broken or
    unfinished group, those included that were a whole character before the next byte came, so the text that it
    gives for some ids is no prefix of the one for more.
    """
    if any(tokenizer.kind(token_id) == "byte" for token_id in ids) and not _is_text(tokenizer.join_bytes(ids)):
        raise NotJudgedError("the byte pieces are not UTF-8")
    chunks = tokenizer.library_stream(ids)
    judge.require(len(chunks) == len(ids), "not one chunk per id", expected=len(ids), got=len(chunks))
    shown, whole = "".join(chunks), tokenizer.decode(ids)
    judge.require(whole.startswith(shown), "the stream shows what decode does not", expected=whole, got=shown)
    rest = whole[len(shown) :]
    if not rest:
        return
    judge.require(whole.endswith("\ufffd"), "the stream holds back a finished text", expected=whole, got=shown)
    last = max((index for index, chunk in enumerate(chunks) if chunk), default=-1)
    held = tokenizer.decode(ids[last + 1 :])
    # decoded alone, the rest may lose the space that decoding strips from the start of a text
    prefix = tokenizer.info.prefix.decode()
    judge.require(rest in {held, prefix + held}, "the rest is not what the ids held back decode to",
                  expected=held, got=rest)  # fmt: skip


@law(
    "stream-exact",
    "stream() gives exactly decode_bytes(ids) in steps, and its text form never shows U+FFFD for bytes that later "
    "ids complete",
    reasons=links("ferrox#124", "tt-inference-server#2594", "exo#1691", "dynamo#12688"),
    strategy=id_sequences,
    examples=([],),
    mutants=("per-token-decode", "stream-forgets-finish"),
)
def stream_exact(tokenizer: Tokenizer, ids: list[int]) -> None:
    """Bytes that are streamed are the bytes."""
    expected = tokenizer.decode_bytes(ids)
    stream = tokenizer.stream()
    data = b"".join([*(stream.step(token_id) for token_id in ids), stream.finish()])
    judge.require(data == expected, "the stream does not join to decode_bytes", expected=expected, got=data)
    text_stream = tokenizer.text_stream()
    text = "".join([*(text_stream.step(token_id) for token_id in ids), text_stream.finish()])
    whole = expected.decode("utf-8", "replace")
    judge.require(text == whole, "the text of the stream is not the text of its bytes", expected=whole, got=text)
