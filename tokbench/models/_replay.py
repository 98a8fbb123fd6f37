"""Recorded answers as a model: ``replay:FILE``, for a file that any other program may have written.

A row is found by the key of a prompt. The key of a suite names the item and, behind a bar, the wording
(``charbench-1/balanced/spell/std/L5/3|plain|quote``); a row that names the item alone answers it in every wording.

The columns are named by options, or by a mapping (``mapping=FILE.toml``), of which every part may be missing::

    key_template = "charbench-1/rows/{task}/std/L{word.length}/{question_idx}"

    [columns]                # columns of the file
    key = "id"               # instead of key_template
    text = "response"        # the answer
    ids = "token_ids"        # token ids that the model emitted: a JSON list, or numbers between spaces
    finish = "stop_reason"   # why it ended

    [values.task]            # other words for the values of a column that makes the key, or of ``finish``
    count_character_frequency = "count_char"

In a template ``{column}`` is the value of a column and ``{column.length}`` the number of its characters. Without names,
``ids`` and ``finish_reason`` are used where the file has them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokbench.models._options import Options
from tokbench.models._replay_columns import ColumnMapping, choose_columns, read_mapping
from tokbench.models._replay_files import read_bytes, read_table
from tokbench.models._replay_rows import Answer, collect
from tokbench.models.completion import Completion, Decoding, Done, Form, Prompt, refuse_forbidden
from tokbench.models.info import ModelInfo, setting_table

if TYPE_CHECKING:
    from tokbench.tokenizers import Tokenizer

__all__ = ["ReplayModel", "load"]

_DECODING = Decoding()


class ReplayModel:
    """A :class:`~tokbench.models.completion.CompletionModel` that gives recorded answers, whatever the decoding.

    Args:
        path: The file, for messages.
        answers: What each row says, by its key.
        info: What identifies the recording.
        warnings: What a person should know of the rows.
    """

    def __init__(self, path: str, answers: Mapping[str, Answer], info: ModelInfo, warnings: tuple[str, ...]) -> None:
        self._path = path
        self._answers = answers
        self._info = info
        self._warnings = warnings

    @property
    def info(self) -> ModelInfo:
        """Everything that identifies the recording; its fingerprint is that of the file and of how it is read."""
        return self._info

    @property
    def takes(self) -> frozenset[Form]:
        """All forms: a row is found by the key of a prompt."""
        return frozenset({"text", "messages", "ids"})

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the rows: those that were dropped."""
        return self._warnings

    def __len__(self) -> int:
        return len(self._answers)

    def _find(self, key: str) -> Answer | None:
        return self._answers.get(key) or self._answers.get(_item(key))

    def row(self, key: str) -> int | None:
        """Number of the row that answers a prompt of this key, or None."""
        found = self._find(key)
        return None if found is None else found.row

    def unused(self, keys_asked: Collection[str]) -> list[str]:
        """Keys of the rows that answer none of the prompts with these keys, in the order of the file."""
        asked = {*keys_asked, *map(_item, keys_asked)}
        return [key for key in self._answers if key not in asked]

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding = _DECODING, *, done: Done | None = None
    ) -> list[Completion]:
        """The recorded answers. A prompt without one gets a completion of status ``missing``."""
        refuse_forbidden(self.info.spec, decoding)
        completions = []
        for place, prompt in enumerate(prompts):
            completion = self._completion(prompt)
            completions.append(completion)
            if done is not None:
                done(place, completion)
        return completions

    def _completion(self, prompt: Prompt) -> Completion:
        found = self._find(prompt.key)
        if found is None:
            return Completion(status="missing", problem=f"{Path(self._path).name} has no row for {prompt.key!r}")
        if found.text is None:
            return Completion(status="missing", problem=f"{Path(self._path).name}, row {found.row}: holds no answer")
        return Completion(text=found.text, ids=found.ids, finish_reason=found.finish)


def _item(key: str) -> str:
    """The item that a key names, without the wording."""
    return key.partition("|")[0]


def load(spec: str, locator: str, _tokenizer: Tokenizer | None, options: dict[str, object]) -> ReplayModel:
    """Load recorded answers.

    Args:
        spec: How the model is named in results.
        locator: Path of a ``.csv``, ``.jsonl`` (``.ndjson``) or ``.parquet`` file, or of ``samples.parquet`` of a run.
        options: ``key``, ``text``, ``ids``, ``finish`` (names of columns), ``mapping`` (path of a mapping),
            ``on_duplicate`` (``error``, ``last``).

    Raises:
        RecordingError: If file or mapping cannot be used, or two rows answer one item differently.
        OptionError: If an option does not exist.
    """
    taken = Options("replay", options)
    named = {part: name for part in ("key", "text", "ids", "finish") if (name := taken.text(part))}
    mapping_path = taken.text("mapping")
    last = taken.text("on_duplicate", "error", ("error", "last")) == "last"
    taken.done()
    path = Path(locator).expanduser()
    data = read_bytes(path)
    mapping = read_mapping(Path(mapping_path).expanduser()) if mapping_path else ColumnMapping()
    table = read_table(path, data)
    columns = choose_columns(table, mapping, named)
    answers, warnings = collect(table, columns, last=last)
    file = hashlib.sha256(data).hexdigest()
    settings = {
        "key": columns.key or mapping.template, "text": columns.text, "ids": columns.ids or "",
        "finish": columns.finish or "", "on_duplicate": "last" if last else "error", "sha256": file,
        "values": json.dumps(columns.values, sort_keys=True) if columns.values else "",
    }  # fmt: skip
    info = ModelInfo(
        spec=spec,
        backend="replay",
        fingerprint=hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
        toy=False,
        attention="",
        dtype="",
        device="",
        libraries=(),
        settings=setting_table(settings),
        tokenizer=None,
    )
    return ReplayModel(str(path), answers, info, warnings)
