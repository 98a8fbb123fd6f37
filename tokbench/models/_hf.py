"""Causal models of transformers, a whole tree of continuations in one forward.

The cache only ever grows: every position that was computed has a slot in it. Which slots a new position attends to is
said by a mask of four dimensions, its own ancestors and itself, and how far it is from the start by its position id.
Branches of a tree so lie side by side in one cache and do not see each other. No part of this depends on how a cache
is built inside; only taking out dead slots does, and where that is not possible the cache is computed anew.

Models whose attention has other ideas (sliding windows, state spaces, kernels without such masks) are found out when
they are loaded, by comparing branches with plain forwards, and then run as one padded row for each context.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import DynamicCache

from tokbench.bytelevel.protocol import Handle, InCall, Parent
from tokbench.errors import ContextLengthError, ModelContractError, StartContextError, UnknownIdError
from tokbench.models._hf_slots import Slots
from tokbench.models.info import Attention, ModelInfo

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["HfModel", "cache_name"]

_COMPACT = 512
"""Slots below which dead ones are left where they are."""

_BATCH = 16
"""Rows of one plain forward."""

_CHECKED = {"float64": 1e-6, "float32": 1e-4, "bfloat16": 1e-1, "float16": 2e-2}
"""How far branches may be from plain forwards, by number format: root mean square over a row, relative to the spread
of the row. A format of 8 bits rounds a logit of 40 by an eighth, which is nothing beside what a wrong mask does."""

_FAR = 1000.0
"""Log-probabilities this far below the largest are not compared: rows that no text may use are put anywhere."""

Floats = NDArray[np.floating]


class HfModel:
    """A :class:`~tokbench.bytelevel.NextTokenModel` over a causal language model of transformers.

    Args:
        model: The model, on its device.
        start_ids: Ids in front of every text; None takes the start token of its configuration, if it has one.
        end_ids: Ids that end a text; None takes those of its configuration.
        max_positions: Longest sequence; None takes that of its configuration.
        attention: ``tree``, ``rows`` or ``auto``: a tree where the check at load passes.
        info: Its description; None makes one for a model that was handed over as an object.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        start_ids: Sequence[int] | None = None,
        end_ids: Sequence[int] | None = None,
        max_positions: int | None = None,
        attention: str = "auto",
        info: ModelInfo | None = None,
    ) -> None:
        self._model = cast("Any", model)
        self._model.eval()
        config: Any = model.config.get_text_config()
        self.width = int(self._model.get_output_embeddings().weight.shape[0])
        self.start_ids = _ids(config.bos_token_id, self.width) if start_ids is None else tuple(start_ids)
        self.end_ids = _ids(config.eos_token_id, self.width) if end_ids is None else tuple(end_ids)
        limit = getattr(config, "max_position_embeddings", None)
        self.max_positions = max_positions if max_positions is not None else limit
        self._device = model.device
        self._dtype = model.dtype
        self._next = 0
        self._slots = Slots()
        self._cache: Any = DynamicCache()
        self._cache_name = cache_name(model)
        self._sequences: dict[int, tuple[int, ...]] = {}
        self._rows = attention == "rows"
        if attention == "auto":
            self._rows = _slides(config, self.max_positions) or not self._branches_agree()
        kind: Attention = "rows" if self._rows else "tree"
        self.info = _described(info, model, kind, self.start_ids, self.end_ids)

    @property
    def fingerprint(self) -> str:
        """Identifies weights and settings."""
        return self.info.fingerprint

    @property
    def toy(self) -> bool:
        """Whether results with it say nothing of real models."""
        return self.info.toy

    @property
    def tokenizer_spec(self) -> str | None:
        """Spec of the model's own tokenizer, or None."""
        return self.info.tokenizer

    @property
    def network(self) -> PreTrainedModel:
        """The model of transformers."""
        return cast("PreTrainedModel", self._model)

    # ------------------------------------------------------------------ the protocol

    def initial(self) -> tuple[Handle, Floats]:
        """See :meth:`NextTokenModel.initial`; a transformer says nothing before its first token.

        Raises:
            StartContextError: Always.
        """
        raise StartContextError(self.info.spec)

    def extend(self, parents: Sequence[Parent], tokens: Sequence[int]) -> tuple[Sequence[Handle], Floats]:
        """See :meth:`NextTokenModel.extend`."""
        for token in tokens:
            if not 0 <= token < self.width:
                raise UnknownIdError(token, self.info.spec)
        if not tokens:
            return [], np.zeros((0, self.width), np.float32)
        with torch.inference_mode():
            return self._extend_rows(parents, tokens) if self._rows else self._extend_tree(parents, tokens)

    def release(self, handles: Iterable[Handle]) -> None:
        """See :meth:`NextTokenModel.release`."""
        for handle in handles:
            if self._rows:
                del self._sequences[handle]  # type: ignore[arg-type] # handles of this model are integers
            else:
                self._slots.release(handle)  # type: ignore[arg-type] # as above

    def _fits(self, length: int) -> None:
        if self.max_positions is not None and length > self.max_positions:
            raise ContextLengthError(length, self.max_positions)

    # ------------------------------------------------------------------ trees

    def _extend_tree(self, parents: Sequence[Parent], tokens: Sequence[int]) -> tuple[Sequence[Handle], Floats]:
        if self._slots.size >= _COMPACT and 2 * self._slots.dead > self._slots.size:
            self._compact()
        above = [parent.index if isinstance(parent, InCall) else None for parent in parents]
        named = [None if isinstance(parent, InCall) else parent for parent in parents]
        attends, depths = self._slots.plan(named, above)  # type: ignore[arg-type] # handles are integers
        self._fits(max(depths) + 1)
        logits = self._forward(tokens, attends, depths)
        handles = list(range(self._next, self._next + len(tokens)))
        self._next += len(tokens)
        self._slots.add(handles, named, above, tokens, attends, depths)  # type: ignore[arg-type] # as above
        return handles, self._log_softmax(logits, lambda index: self._slots.tokens_of(handles[index]))

    def _forward(self, tokens: Sequence[int], attends: NDArray[np.bool_], depths: Sequence[int]) -> torch.Tensor:
        """Logits of new positions; their keys and values go behind those in the cache."""
        ids = torch.tensor([list(tokens)], device=self._device)
        options: dict[str, Any] = {"position_ids": torch.tensor([list(depths)], device=self._device)}
        before = attends.shape[1] - len(tokens)
        if not _is_chain(attends, before):
            bias = np.where(attends, np.float32(0), np.float32(np.finfo(np.float32).min))
            mask = torch.from_numpy(bias).to(self._device)
            if self._dtype != torch.float32:
                mask = mask.to(self._dtype).clamp(min=torch.finfo(self._dtype).min)
            options["attention_mask"] = mask[None, None]
        options[self._cache_name] = self._cache
        with _kernels(self._device):
            found: torch.Tensor = self._model(ids, use_cache=True, **options).logits[0]
        return found

    def _compact(self) -> None:
        """Take dead slots out of the cache; where its inside is not as known, compute the live ones anew."""
        kept = self._slots.compact()
        index = torch.from_numpy(kept).to(self._device)
        parts = _parts(self._cache)
        if parts is not None:
            for layer in parts:
                layer.keys, layer.values = layer.keys.index_select(2, index), layer.values.index_select(2, index)
            if self._cache.get_seq_length() == len(kept):
                return
        self._cache = DynamicCache()
        tokens, attends, depths = self._slots.table()
        for start in range(0, len(tokens), _COMPACT):
            end = min(len(tokens), start + _COMPACT)
            self._forward(tokens[start:end], attends[start:end, :end], depths[start:end])

    # ------------------------------------------------------------------ rows

    def _extend_rows(self, parents: Sequence[Parent], tokens: Sequence[int]) -> tuple[Sequence[Handle], Floats]:
        sequences: list[tuple[int, ...]] = []
        for parent, token in zip(parents, tokens, strict=True):
            if parent is None:
                before: tuple[int, ...] = ()
            elif isinstance(parent, InCall):
                before = sequences[parent.index]
            else:
                before = self._sequences[parent]  # type: ignore[index] # handles of this model are integers
            sequences.append((*before, int(token)))
        longest = max(map(len, sequences))
        self._fits(longest)
        logits = torch.cat(
            [self._last_logits(sequences[start : start + _BATCH]) for start in range(0, len(sequences), _BATCH)]
        )
        handles = list(range(self._next, self._next + len(sequences)))
        self._next += len(sequences)
        self._sequences.update(zip(handles, sequences, strict=True))
        return handles, self._log_softmax(logits, lambda index: sequences[index])

    def _last_logits(self, sequences: Sequence[tuple[int, ...]]) -> torch.Tensor:
        """Logits behind each sequence, by one plain forward over padded rows."""
        longest = max(map(len, sequences))
        ids = torch.zeros((len(sequences), longest), dtype=torch.long, device=self._device)
        real = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            real[row, : len(sequence)] = 1
        logits = self._model(ids, attention_mask=real, use_cache=False).logits
        ends = torch.tensor([len(sequence) - 1 for sequence in sequences], device=self._device)
        found: torch.Tensor = logits[torch.arange(len(sequences), device=self._device), ends]
        return found

    # ------------------------------------------------------------------ numbers

    def _log_softmax(self, logits: torch.Tensor, context: Any) -> Floats:  # noqa: ANN401, a function from row to ids
        """Log-probabilities; one row after the other, because a row fits the processor's cache and all rows do not."""
        if logits.device.type != "cpu":
            return _normalised(logits, context)
        rows = (logits.double() if logits.dtype == torch.float64 else logits.float()).numpy()
        if not rows.flags.writeable:
            rows = rows.copy()
        parts = np.empty(rows.shape[1], rows.dtype)
        for index, row in enumerate(rows):
            top = float(row.max())
            if not math.isfinite(top):
                raise ModelContractError(context(index), "its logits are not finite")
            np.subtract(row, top, out=row)
            np.exp(row, out=parts)
            np.subtract(row, math.log(float(parts.sum(dtype=np.float64))), out=row)
        return rows

    def _branches_agree(self) -> bool:
        """Whether three branches of a small tree are what plain forwards give."""
        tokens = [(7 * step + 3) % self.width for step in range(6)]
        sequences = [tuple(tokens[index] for index in path) for path in ((0, 1, 2, 3), (0, 1, 4, 5), (0, 5))]
        bound = _CHECKED.get(str(self._dtype).removeprefix("torch."), 1e-1)
        try:
            with torch.inference_mode():
                trunk, _ = self._extend_tree([None, InCall(0)], tokens[:2])
                _, first = self._extend_tree([trunk[1], InCall(0), trunk[1], InCall(2), trunk[0]],
                                             [tokens[2], tokens[3], tokens[4], tokens[5], tokens[5]])  # fmt: skip
                plain = [self._log_softmax(self._last_logits([sequence]), lambda _: ())[0] for sequence in sequences]
        except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, NotImplementedError):
            return False  # whatever a model says to such a mask or cache, it does not take them
        finally:
            self._slots, self._cache, self._next = Slots(), DynamicCache(), 0
        return all(
            _difference(found, wanted) <= bound
            for found, wanted in zip((first[1], first[3], first[4]), plain, strict=True)
        )


def _normalised(logits: torch.Tensor, context: Any) -> Floats:  # noqa: ANN401, a function from row to ids
    """Log-probabilities of logits on an accelerator, normalised there: what is copied to the host is final.

    The sums are taken in float64: in float32 the logarithm of a sum over a whole vocabulary is off by as much as a
    row may be off from 1, at most 1e-6.
    """
    total = torch.logsumexp(logits.double(), -1, keepdim=True)
    wide = logits.dtype == torch.float64
    rows: Floats = (logits.double() - total).to(torch.float64 if wide else torch.float32).cpu().numpy()
    found = np.isfinite(total.cpu().numpy()[:, 0])
    if not found.all():
        raise ModelContractError(context(int(found.argmin())), "its logits are not finite")
    return rows


def _difference(found: Floats, wanted: Floats) -> float:
    """Root mean square of the difference of two rows of log-probabilities, in standard deviations of the second."""
    near = wanted > wanted.max() - _FAR
    wanted, found = wanted[near].astype(np.float64), found[near].astype(np.float64)
    return float(np.sqrt(np.mean((found - wanted) ** 2))) / max(float(wanted.std()), 0.1)


def _kernels(device: torch.device) -> AbstractContextManager[None]:
    """Attention without the kernels of cuDNN, which are planned anew, for tens of ms, for every length of the cache."""
    if device.type != "cuda":
        return nullcontext()
    backends = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
    context: AbstractContextManager[None] = sdpa_kernel(backends)
    return context


def cache_name(model: PreTrainedModel) -> str:
    """What the model's forward calls its cache: ``cache`` since transformers 5.24, ``past_key_values`` before.

    Asked of the model and not of the version: code that comes with a model keeps the old name.
    """
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def _parts(cache: Any) -> list[Any] | None:  # noqa: ANN401, what a cache is inside is its own affair
    """The layers of a cache, if its inside is as known: tensors of batch, heads, slots and width."""
    layers = list(getattr(cache, "layers", None) or ())
    tensors = [getattr(layer, name, None) for layer in layers for name in ("keys", "values")]
    known = all(isinstance(tensor, torch.Tensor) and tensor.dim() == 4 for tensor in tensors)  # noqa: PLR2004, as said
    return layers if tensors and known else None


def _is_chain(attends: NDArray[np.bool_], before: int) -> bool:
    """Whether every new position sees all before it, so that the model's own causal mask says the same."""
    count = len(attends)
    if not attends[:, :before].all():
        return False
    return count == 1 or bool((attends[:, before:] == np.tri(count, dtype=np.bool_)).all())


def _slides(config: Any, longest: int | None) -> bool:  # noqa: ANN401, configurations have no common type
    """Whether some layer sees only a window that is shorter than the model's longest sequence."""
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None) or ()
    if not window or (kinds and not any("sliding" in str(kind) for kind in kinds)):
        return False
    return getattr(config, "use_sliding_window", True) is not False and (longest is None or window < longest)


def _ids(value: object, width: int) -> tuple[int, ...]:
    """Ids of a configuration, those that the model has no row for left out."""
    found = value if isinstance(value, list | tuple) else () if value is None else (value,)
    return tuple(int(token) for token in found if 0 <= int(token) < width)


def _described(
    info: ModelInfo | None, model: PreTrainedModel, attention: Attention, start: Sequence[int], end: Sequence[int]
) -> ModelInfo:
    from tokbench.models._hf_load import described

    return described(info, model, attention, tuple(start), tuple(end))
