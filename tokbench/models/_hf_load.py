"""From a folder to a model of transformers (``hf:./folder``)."""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers

from tokbench.errors import ModelFileError, OptionError, TokbenchError
from tokbench.models._folders import EXPECTED, model_folder
from tokbench.models._options import Options, parse_ids
from tokbench.models.info import Attention, ModelInfo, setting_table

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from tokbench.models._hf import HfModel
    from tokbench.tokenizers import Tokenizer

__all__ = ["described", "load", "load_given"]

_DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(spec: str, locator: str, tokenizer: Tokenizer | None, options: dict[str, object]) -> HfModel:
    """Load a folder; nothing is downloaded.

    Raises:
        ModelFileError: If there is no such folder, or transformers makes nothing of it.
        OptionError: If an option has a wrong name or value.
    """
    return load_given(spec, locator, tokenizer, Options("hf", options))


def load_given(spec: str, locator: str, tokenizer: Tokenizer | None, given: Options) -> HfModel:
    """:func:`load` with options of which some are taken already."""
    from tokbench.models._hf import HfModel

    device, dtype = given.text("device", "cpu"), given.text("dtype", "float32", tuple(_DTYPES))
    threads, max_positions = given.integer("threads", least=1), given.integer("max_positions", least=1)
    start, end = _start(given.raw("start"), tokenizer), given.ids("end")
    attention = given.text("attention", "auto", ("auto", "tree", "rows"))
    kernel = given.text("kernel", "sdpa", ("sdpa", "eager"))
    given.done()
    folder = model_folder(locator)
    if threads is not None:
        torch.set_num_threads(threads)
    library: Any = transformers  # its own annotations do not say what it returns
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    try:
        model = library.AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, dtype=_DTYPES[dtype], attn_implementation=kernel
        )
    except Exception as error:  # every layer below has errors of its own for files that are not what they should be
        raise ModelFileError(locator, EXPECTED, _line(error)) from error
    try:
        model.to(device)
    except (RuntimeError, AssertionError) as error:
        raise OptionError("hf: device", device, f"a device that is here ({_line(error)})") from error
    own = folder / "tokenizer.json"
    info = ModelInfo(
        spec=spec,
        backend="hf",
        fingerprint=_fingerprint(folder, dtype),
        toy=False,
        attention="tree",
        dtype=dtype,
        device=device,
        libraries=(),
        settings=setting_table({"kernel": kernel, "max_positions": max_positions}),
        tokenizer=f"hf:{own}" if own.is_file() else None,
    )
    return HfModel(model, start_ids=start, end_ids=end, max_positions=max_positions, attention=attention, info=info)


def _start(value: object, tokenizer: Tokenizer | None) -> tuple[int, ...] | None:
    """A start context: ids, or the name of a special token of the tokenizer."""
    if value is None:
        return None
    ids = parse_ids(value)
    if ids is not None:
        return ids
    specials = tokenizer.special_tokens() if tokenizer is not None else {}
    if isinstance(value, str) and value in specials:
        return (specials[value],)
    raise OptionError("hf: start", value, "token ids joined by commas, or the name of a special token")


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__


def _fingerprint(folder: Path, dtype: str) -> str:
    """SHA-256 over configuration and weights, names and contents in order."""
    digest = hashlib.sha256(dtype.encode())
    for path in sorted(folder.iterdir()):
        if path.name == "config.json" or path.suffix in {".safetensors", ".bin"}:
            digest.update(f"\n{path.name} {path.stat().st_size}\n".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def described(
    info: ModelInfo | None, model: PreTrainedModel, attention: Attention, start: tuple[int, ...], end: tuple[int, ...]
) -> ModelInfo:
    """The description of a model with what was found out at load; a new one for a model without."""
    libraries = tuple((name, importlib.metadata.version(name)) for name in ("torch", "transformers"))
    settings = {"start_ids": start, "end_ids": end}
    if info is not None:
        known = (*info.settings, *setting_table(settings))
        found = replace(info, attention=attention, libraries=libraries, settings=tuple(sorted(known)))
        digest = hashlib.sha256(f"{info.fingerprint} {known} {attention}".encode()).hexdigest()
        return replace(found, fingerprint=digest)
    weights = hashlib.sha256(str(sorted(model.config.to_dict().items(), key=str)).encode())
    for name, tensor in sorted(model.state_dict().items()):
        # one number a tensor tells models in memory apart without reading their weights to the last bit
        weights.update(f"{name} {tuple(tensor.shape)} {float(tensor.sum(dtype=torch.float64)):.17g}\n".encode())
    if not isinstance(model, transformers.PreTrainedModel):
        raise TokbenchError("HfModel takes a causal model of transformers")
    return ModelInfo(
        spec="memory",
        backend="hf",
        fingerprint=hashlib.sha256(f"{weights.hexdigest()} {start} {end}".encode()).hexdigest(),
        toy=False,
        attention=attention,
        dtype=str(model.dtype).removeprefix("torch."),
        device=str(model.device),
        libraries=libraries,
        settings=setting_table(settings),
        tokenizer=None,
    )
