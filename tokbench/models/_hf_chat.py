"""The chat template of a folder of transformers: from messages to the text that the model reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import transformers

from tokbench.errors import ModelFileError
from tokbench.models.completion import Message

__all__ = ["ChatTemplate", "find_template"]

_EXPECTED = "a tokenizer with a chat template"


class ChatTemplate:
    """A chat template, rendered by transformers itself.

    Args:
        tokenizer: The tokenizer of transformers that holds it.
        path: Its folder, for messages.

    Attributes:
        end: The string of the token that ends an answer, or None.
        sha256: Hash of the template.
    """

    def __init__(self, tokenizer: Any, path: str) -> None:  # noqa: ANN401, a tokenizer of transformers has no one type
        self._tokenizer = tokenizer
        self._path = path
        self.end: str | None = tokenizer.eos_token
        self.sha256 = hashlib.sha256(json.dumps(tokenizer.chat_template, sort_keys=True).encode()).hexdigest()

    def render(self, messages: Sequence[Message]) -> str:
        """The text of a chat up to where the answer begins, special tokens written out.

        Raises:
            ModelFileError: If the template does not take such messages.
        """
        chat = [asdict(message) for message in messages]
        try:
            text = self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # a template is a program, and raises what it likes
            roles = ", ".join(message.role for message in messages)
            raise ModelFileError(
                self._path,
                f"a chat template that takes messages of the roles {roles}",
                f"{str(error) or type(error)!r}",
            ) from error
        return str(text)


def find_template(folder: Path) -> ChatTemplate | None:
    """The chat template of a folder, or None where it has none.

    Raises:
        ModelFileError: If there is one that cannot be loaded.
    """
    if not _has_template(folder):
        return None
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # every layer below has errors of its own for files that are not what they should be
        problem = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise ModelFileError(str(folder), _EXPECTED, problem) from error
    return ChatTemplate(tokenizer, str(folder)) if tokenizer.chat_template else None


def _has_template(folder: Path) -> bool:
    """Whether a folder says that it has a template, so that other folders load no second tokenizer."""
    if any(
        (folder / name).exists() for name in ("chat_template.jinja", "chat_template.json", "additional_chat_templates")
    ):
        return True
    try:
        config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and bool(config.get("chat_template"))
