"""The fixed parity corpus: 20,000 strings in five equal classes, the same for ever and everywhere.

Counts of mismatches compare across versions of libraries only if the strings never change. Each string is drawn by
:class:`~tokbench.suites.exactness._draw.Draw` from its class and number alone, from code-point ranges that are
written down here, so no version of Python, Unicode or a generator library has a say. The first n strings of each
class are the corpus of 5 n strings. A change of anything in this module changes :func:`corpus_sha256` and thereby
the version of the suite.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from tokbench.errors import OptionError
from tokbench.suites.exactness._draw import Draw

__all__ = ["CLASSES", "LARGEST", "corpus_sha256", "parity_corpus"]

LARGEST = 20_000
"""Number of strings of the whole corpus."""

_VERSION = 1

_ANY_SCALAR = ((0x00, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x1FFFF), (0x20000, 0x10FFFF))

# Blocks (or the dense parts of blocks) of scripts whose tokenization differs: cased, combining, without spaces, wide.
_SCRIPTS: tuple[tuple[tuple[int, int], ...], ...] = (
    ((0x41, 0x5A), (0x61, 0x7A)),  # Latin
    ((0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x17F)),  # Latin with accents
    ((0x61, 0x7A), (0x300, 0x314)),  # Latin with combining marks
    ((0x391, 0x3A1), (0x3A3, 0x3C9)),  # Greek
    ((0x410, 0x44F),),  # Cyrillic
    ((0x561, 0x586),),  # Armenian
    ((0x5D0, 0x5EA), (0x5B0, 0x5BC)),  # Hebrew
    ((0x627, 0x63A), (0x641, 0x652)),  # Arabic
    ((0x905, 0x939), (0x93E, 0x94D)),  # Devanagari
    ((0x985, 0x98C), (0x995, 0x9A8), (0x9BE, 0x9C4)),  # Bengali
    ((0xB85, 0xB8A), (0xBAE, 0xBB5), (0xBBE, 0xBC2)),  # Tamil
    ((0xE01, 0xE3A), (0xE40, 0xE4E)),  # Thai
    ((0x1000, 0x102A), (0x102B, 0x103E)),  # Burmese
    ((0x1780, 0x17B3), (0x17B6, 0x17D3)),  # Khmer
    ((0x10D0, 0x10F0),),  # Georgian
    ((0x1200, 0x1248),),  # Ethiopic
    ((0x13A0, 0x13F4),),  # Cherokee
    ((0x3041, 0x3096),),  # Hiragana
    ((0x30A1, 0x30FA),),  # Katakana
    ((0x4E00, 0x9FA5),),  # Han
    ((0xAC00, 0xD7A3),),  # Hangul
    ((0xFF01, 0xFF5E),),  # full-width forms
    ((0x1F300, 0x1F64F), (0x1F3FB, 0x1F3FF), (0x200D, 0x200D), (0xFE0F, 0xFE0F)),  # emoji and joiners
    ((0x2190, 0x21FF), (0x2200, 0x22FF)),  # arrows and operators
    ((0xBC, 0xBE), (0x2150, 0x2188), (0x2460, 0x249B)),  # number forms
    ((0xFB00, 0xFB06), (0x1E9E, 0x1E9E), (0x17F, 0x17F), (0x130, 0x131)),  # ligatures and odd cases
    ((0x10300, 0x1031E),),  # Old Italic
    ((0x1D400, 0x1D433),),  # mathematical letters
)

_ODD_SPACES = (
    " ", " ", " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", "\u00a0", "\u2003", "\u3000", "\u200b", "\u0085", "\u2028",
    "\ufeff", "\x1c", "\u2009", "\u202f", "\u205f", "\u1680", "\u180e", "\u2060", "\u00ad", "\v", "\f",
)  # fmt: skip

_SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|endofprompt|>", "<|fim_prefix|>", "<|eot_id|>",
    "<|begin_of_text|>", "<|start_header_id|>", "<|pad|>", "<s>", "</s>", "<unk>", "<pad>", "<mask>", "[INST]",
    "[/INST]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "<<SYS>>",
    "<0x41>", "<0x0A>", "<0xFF>", "<0x>", "<extra_id_0>", "<think>", "<|", "|>", "<", ">", "[", "]", "\u2581",
    "\u0120", "\u010a", "\u2047", "##ing", "##", "</w>", "@@",
)  # fmt: skip

_CODE = (
    "def f(x):", "return", "if (a != b) {", "}", "for i in range(10):", "    ", "\t", "\n", "//", "/* */", "#!",
    "x = y ? 1 : 0;", "print('')", '"', "'", "`", "```", "=>", "->", "::", "&&", "||", "\\n", "\\", "$_", "@a",
    '<div class="">', "</div>", "std::vector<int>", "SELECT * FROM t;", "a[0]", "0xFF", "1e-9", "_x", "__init__",
    ";", ",", ".", "...", "?", "!", "==", " ?", " ,", " .",
)  # fmt: skip

_WORDS = (
    "the", "The", "THE", "of", "and", "token", "tokenization", "tokenizers", "hello", "Hello", "world", "don", "can",
    "we", "I", "you", "s", "t", "re", "ve", "m", "ll", "d", "S", "T", "RE", "VE", "M", "LL", "D", "eBay", "NaOH",
    "pH", "mL", "iPhone", "McDonald", "O", "rock", "n", "roll", "naïve", "café", "Straße", "œuvre", "año", "and",
    "information", "internationalization", "antidisestablishmentarianism", "Ans", "wer", "un", "believ", "able",
    "xyz", "qwrtp", "aaaaaaaa", "Привет", "мир", "你好", "世界", "こんにちは", "안녕", "नमस्ते", "مرحبا",
)  # fmt: skip

_APOSTROPHES = ("'", "'", "\u2019", "\u02bc", "''", "`", "\u2018")
_SEPARATORS = ("", "", ".", ",", " ", "-", "/", ":", "_", "'", "\u00a0", "\u202f", "e", "x")
_DIGITS = ((0x30, 0x39),)
_OTHER_DIGITS = ((0x660, 0x669), (0x6F0, 0x6F9), (0x966, 0x96F), (0xFF10, 0xFF19), (0x2070, 0x2079), (0x2080, 0x2089))


def _scalars(draw: Draw) -> str:
    return "".join(draw.character(_ANY_SCALAR) for _ in range(draw.between(1, 24)))


def _scripts(draw: Draw) -> str:
    parts: list[str] = []
    if draw.below(4) == 0:
        parts.append(draw.one(_ODD_SPACES))
    for _ in range(draw.between(1, 5)):
        ranges = draw.one(_SCRIPTS)
        parts.extend(draw.character(ranges) for _ in range(draw.between(1, 8)))
        if draw.below(5):
            parts.append(draw.one(_ODD_SPACES))
    return "".join(parts)


def _ascii(draw: Draw) -> str:
    ranges = ((0x20, 0x7E), (0x20, 0x7E), (0x61, 0x7A), (0x20, 0x20), (0x00, 0x1F), (0x09, 0x0D), (0x7F, 0x7F))
    return "".join(draw.character(ranges) for _ in range(draw.between(1, 40)))


def _specials(draw: Draw) -> str:
    parts = []
    for _ in range(draw.between(1, 6)):
        parts.append(draw.one((_SPECIAL, _CODE, _CODE, _WORDS)[draw.below(4)]))
        parts.append(("", "", " ", "  ", "\n", "\t")[draw.below(6)])
    return "".join(parts)


def _words(draw: Draw) -> str:
    parts: list[str] = []
    for _ in range(draw.between(1, 7)):
        kind = draw.below(6)
        if kind == 0:
            parts.extend(draw.character(_DIGITS) for _ in range(draw.between(1, 9)))
            parts.append(draw.one(_SEPARATORS))
        elif kind == 1:
            parts.extend(draw.character(_OTHER_DIGITS) for _ in range(draw.between(1, 4)))
        elif kind == 2:  # noqa: PLR2004, one of the six kinds
            parts.append(draw.one(_WORDS) + draw.one(_APOSTROPHES) + draw.one(_WORDS))
        else:
            parts.append(draw.one(_WORDS))
        parts.append(("", " ", " ", " ", "  ", "\n")[draw.below(6)])
    return "".join(parts)


CLASSES: Mapping[str, Callable[[Draw], str]] = MappingProxyType(
    {"scalars": _scalars, "scripts": _scripts, "ascii": _ascii, "specials": _specials, "words": _words}
)
"""The five classes: any scalar values; runs of blocks with odd white space; ASCII with control white space; look-alikes
of special tokens and code; digits, apostrophes and words."""


@cache
def _strings(name: str, count: int) -> tuple[str, ...]:
    make = CLASSES[name]
    return tuple(make(Draw(f"tokbench parity corpus {_VERSION}/{name}/{index}")) for index in range(count))


def parity_corpus(size: int = LARGEST) -> dict[str, tuple[str, ...]]:
    """The first ``size / 5`` strings of each class.

    Args:
        size: Number of strings in all: a multiple of five, at most 20,000.

    Raises:
        OptionError: If there is no corpus of that size.
    """
    if size <= 0 or size > LARGEST or size % len(CLASSES):
        raise OptionError("parity strings", size, f"a multiple of {len(CLASSES)}, from 5 to {LARGEST}")
    return {name: _strings(name, size // len(CLASSES)) for name in CLASSES}


def corpus_sha256(size: int = LARGEST) -> str:
    """SHA-256 of the corpus: of each string its class, its length in bytes and its UTF-8, in order."""
    digest = hashlib.sha256()
    for name, strings in parity_corpus(size).items():
        for text in strings:
            data = text.encode()
            digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()
