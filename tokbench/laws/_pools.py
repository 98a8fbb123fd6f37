"""Pools of text from which the strategies are built. Written for this purpose; no text of other people."""

from __future__ import annotations

__all__ = ["APOSTROPHES", "BLOCKS", "CODE", "CONTROLS", "DIGITS", "LOOK_ALIKES", "SPACES", "WORDS"]

BLOCKS: tuple[tuple[int, int], ...] = (
    (0x0080, 0x00FF),  # C1 controls, Latin-1
    (0x0100, 0x017F),  # Latin Extended-A: half of it stands in the byte table of GPT-2
    (0x0250, 0x02AF),  # phonetic
    (0x0300, 0x036F),  # combining marks
    (0x0370, 0x03FF),  # Greek
    (0x0400, 0x04FF),  # Cyrillic
    (0x0590, 0x05F4),  # Hebrew
    (0x0600, 0x06FF),  # Arabic
    (0x0900, 0x097F),  # Devanagari
    (0x0B80, 0x0BFA),  # Tamil
    (0x0E01, 0x0E5B),  # Thai
    (0x0F00, 0x0FDA),  # Tibetan
    (0x1000, 0x109F),  # Burmese
    (0x10A0, 0x10FF),  # Georgian
    (0x1100, 0x11FF),  # Hangul letters
    (0x1200, 0x137C),  # Ethiopic
    (0x2000, 0x206F),  # spaces, dashes, marks of direction
    (0x2070, 0x209C),  # superscripts
    (0x2150, 0x218B),  # fractions, Roman numerals
    (0x2500, 0x25FF),  # boxes: U+2581 is among them
    (0x3000, 0x303F),  # CJK punctuation
    (0x3041, 0x30FF),  # Kana
    (0x4E00, 0x9FFF),  # Han
    (0xAC00, 0xD7A3),  # Hangul syllables
    (0xE000, 0xE0FF),  # private use
    (0xFE00, 0xFEFF),  # variation selectors, presentation forms, the byte-order mark
    (0xFF00, 0xFFEF),  # full width
    (0x1D400, 0x1D7FF),  # mathematical letters
    (0x1F300, 0x1FAFF),  # emoji
    (0x20000, 0x2A6DF),  # rare Han
    (0xE0001, 0xE007F),  # tags
)
"""First and last code point of blocks that tokenizers treat in different ways."""

SPACES: tuple[str, ...] = (
    " ", "\n", "\t", "  ", "\r\n", "\xa0", "\u2003", "\u3000", "\u200b", "\x85", "\u2028", "\ufeff", "\x1c",
    "\u2029", "\x0b", "\x0c", "\r", "    ", "\n\n", "\u202f", "\u2581",
)  # fmt: skip
"""White space of all kinds, what looks like it, and the character that stands for it in SentencePiece."""

WORDS: tuple[str, ...] = (
    "water", "The", "iPhone", "na\u00efve", "\u0141\u00f3d\u017a", "ng\u01b0\u1eddi",  # Latin
    "\u043c\u043e\u043b\u043e\u043a\u043e", "\u041a\u0438\u0457\u0432",  # Cyrillic
    "\u03b8\u03ac\u03bb\u03b1\u03c3\u03c3\u03b1", "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",  # Greek
    "\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd",  # Hebrew
    "\u0633\u0644\u0627\u0645", "\u0645\u0650\u064a\u0627\u0647",  # Arabic
    "\u092a\u093e\u0928\u0940", "\u0915\u094d\u0937\u0947\u0924\u094d\u0930",  # Devanagari
    "\u099c\u09b2", "\u0a2a\u0a3e\u0a23\u0a40",  # Bengali, Gurmukhi
    "\u0ba4\u0ba3\u0bcd\u0ba3\u0bc0\u0bb0\u0bcd", "\u0c28\u0c40\u0c30\u0c41",  # Tamil, Telugu
    "\u0e19\u0e49\u0e33", "\u0e99\u0ec9\u0eb2", "\u101b\u1031", "\u1791\u17b9\u1780",  # Thai, Lao, Burmese, Khmer
    "\u10ec\u10e7\u10d0\u10da\u10d8", "\u057b\u0578\u0582\u0580", "\u12cd\u1203",  # Georgian, Armenian, Ethiopic
    "\u6c34", "\u4eca\u5929\u5929\u6c14", "\u307f\u305a", "\u30df\u30cd\u30e9\u30eb",  # Han, Kana
    "\ubb3c", "\u110b\u1175\u11af", "\u0f46\u0f74", "\u13a0\u13b9",  # Hangul, Tibetan, Cherokee
    "\U0001f999", "\U0001f44d\U0001f3fd", "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001d54f", "\U00020bb7",
)  # fmt: skip
"""Words of more than a dozen scripts, and emoji."""

CONTROLS: tuple[str, ...] = (
    *" \t\n\r\x0b\x0c\x1c\x1f\x00\x7fabzAZ09", *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)  # fmt: skip
"""ASCII with its control characters."""

LOOK_ALIKES: tuple[str, ...] = (
    "<s>", "</s>", "<unk>", "<pad>", "<mask>", "[CLS]", "[SEP]", "[UNK]", "[MASK]", "[INST]", "[/INST]",
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|begin_of_text|>", "<|end|>", "<|e|>",
    "<0x41>", "<0x0A>", "<0xC3>", "<0xFF>", "<0xff>", "<0x>", "##a", "</w>", "\u0120the", "\u2581the",
    "<bos>", "<eos>", "<start_of_turn>", "<|fim_prefix|>", "<extra_id_0>",
)  # fmt: skip
"""What spells a special token, a byte piece or a mark of some tokenizer."""

CODE: tuple[str, ...] = (
    "def f(x):\n", "    return x != y\n", "\tif (a == b) {\n", "        }\n", "for (;;) ;\n", "x = x ** 2  # why ?\n",
    "a ? b : c;\n", "\r\n", "print(f'{n!r}')\n", '<div class="a">', "</div>\n", "SELECT * FROM t WHERE a = 'b' ;",
    "//", "/* */", "->", "::", "&&", "x[i]['k']", "\\n", "  \n", "0x7f", "1e-3", "$HOME", "@property\n", "...",
)  # fmt: skip
"""Lines of code and pieces of lines."""

DIGITS: tuple[str, ...] = (
    *"0123456789", "00", "2023", "1234567", ",", ".", " ", "-", "/", ":", "\u066b", "\u0663", "\uff15", "\u00b2",
    "\u0967", "%", "$", "e", "\u00bd",
)  # fmt: skip
"""Digits of several scripts, and what stands between them."""

APOSTROPHES: tuple[str, ...] = (
    "'", "\u2019", "'s", "'S", "'ll", "'RE", "'ve", "'m", "'d", "n't", "don", "I", "x", " ", "''", "'\u017f", "1",
)  # fmt: skip
"""Apostrophes and what the split patterns of GPT look for behind them."""
