"""Transformers: trees of continuations in one forward are what plain forwards give."""

from __future__ import annotations

import functools
import gc
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from byte_toys import byte_vocabulary, make_toy  # noqa: E402, behind the skips
from toys_torch import build_gpt2, build_llama, build_sliding  # noqa: E402

import tokbench.models._hf as module  # noqa: E402
from tokbench.bytelevel import ByteModel, InCall  # noqa: E402
from tokbench.bytelevel.reference import Reference  # noqa: E402
from tokbench.errors import (  # noqa: E402
    ContextLengthError,
    ModelContractError,
    ModelFileError,
    OptionError,
    StartContextError,
    UnknownIdError,
)
from tokbench.models import HfModel, load_model  # noqa: E402
from tokbench.tokenizers import load_tokenizer  # noqa: E402
from tokbench.tokenizers.rules import BpeRules  # noqa: E402

V = 40


def gpt2(**options: object) -> HfModel:
    return HfModel(build_gpt2(layers=2, width=32, vocabulary=V, seed=1), **options)  # type: ignore[arg-type]


@pytest.fixture(params=["gpt2", "llama"])
def model(request: pytest.FixtureRequest) -> HfModel:
    return gpt2() if request.param == "gpt2" else HfModel(build_llama(vocabulary=V, seed=2))


def plain(model: HfModel, ids: Sequence[int]) -> np.ndarray:
    """Log-probabilities by one plain forward without cache or mask."""
    with torch.inference_mode():
        logits = model._model(torch.tensor([list(ids)])).logits[0, -1].double()
        return np.asarray(torch.log_softmax(logits, -1).numpy())


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(np.exp(a.astype(np.float64)) - np.exp(b)).sum() / 2)


TREE = {0: None, 1: 0, 2: 0, 3: 1, 4: 1, 5: 2, 6: 5, 7: None}
TOKENS = [3, 7, 11, 2, 9, 30, 31, 8]


def path(entry: int) -> list[int]:
    found: list[int] = []
    at: int | None = entry
    while at is not None:
        found.append(TOKENS[at])
        at = TREE[at]
    return found[::-1]


def test_a_tree_in_one_call_is_what_plain_forwards_give(model: HfModel) -> None:
    assert model.info.attention == "tree"
    parents = [None if above is None else InCall(above) for above in TREE.values()]
    _, rows = model.extend(parents, TOKENS)
    for entry in TREE:
        assert distance(rows[entry], plain(model, path(entry))) < 2e-6


def test_handles_and_entries_of_a_call_are_alike(model: HfModel) -> None:
    handles: list[object] = []
    for entry, above in TREE.items():
        (handle,), rows = model.extend([None if above is None else handles[above]], [TOKENS[entry]])
        handles.append(handle)
        assert distance(rows[0], plain(model, path(entry))) < 2e-6
    _, rows = model.extend([handles[3], InCall(0), handles[0]], [5, 6, 5])
    for row, ids in zip(rows, ([*path(3), 5], [*path(3), 5, 6], [*path(0), 5]), strict=True):
        assert distance(row, plain(model, ids)) < 2e-6


def test_a_released_parent_is_kept_for_what_stands_behind_it(model: HfModel) -> None:
    (first,), _ = model.extend([None], [3])
    (second,), _ = model.extend([first], [7])
    model.release([first])
    _, rows = model.extend([second], [2])
    assert distance(rows[0], plain(model, [3, 7, 2])) < 2e-6
    with pytest.raises(KeyError):
        model.release([first])
    with pytest.raises(KeyError):
        model.extend([first], [2])


@pytest.mark.parametrize("known", [True, False])
def test_dead_positions_are_taken_out_of_the_cache(
    model: HfModel, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    monkeypatch.setattr(module, "_COMPACT", 16)
    if not known:  # a cache whose inside is not as we know it is computed anew
        monkeypatch.setattr(module, "_parts", lambda cache: None)
    (trunk,), _ = model.extend([None], [3])
    for token in range(30):
        handles, _ = model.extend([trunk, InCall(0)], [token, token])
        model.release(handles)
    (last,), _ = model.extend([trunk], [7])
    assert model._slots.size < 30
    _, rows = model.extend([last], [2])
    assert distance(rows[0], plain(model, [3, 7, 2])) < 2e-6


def test_one_row_for_each_context_gives_the_same() -> None:
    tree, rows = gpt2(attention="tree"), gpt2(attention="rows")
    assert (tree.info.attention, rows.info.attention) == ("tree", "rows")
    parents = [None if above is None else InCall(above) for above in TREE.values()]
    (handles, a), (others, b) = tree.extend(parents, TOKENS), rows.extend(parents, TOKENS)
    assert max(distance(one, two) for one, two in zip(a, b, strict=True)) < 2e-6
    _, c = rows.extend([others[6]], [1])
    _, d = tree.extend([handles[6]], [1])
    assert distance(c[0], d[0]) < 2e-6
    rows.release(others)
    with pytest.raises(KeyError):
        rows.release([others[0]])


def test_a_sliding_window_is_run_row_by_row() -> None:
    model = HfModel(build_sliding(vocabulary=V, seed=3))
    assert model.info.attention == "rows"
    ids = [5, 9, 2, 33, 14, 8, 21, 3]
    _, rows = model.extend([None, *map(InCall, range(7))], ids)
    assert distance(rows[-1], plain(model, ids)) < 2e-6


def test_a_model_that_ignores_the_mask_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = build_gpt2(layers=2, width=32, vocabulary=V, seed=1)
    forward = inner.forward

    @functools.wraps(forward)
    def deaf(*arguments: object, attention_mask: object = None, **options: object) -> object:
        return forward(*arguments, **options)

    monkeypatch.setattr(inner, "forward", deaf)
    assert HfModel(inner).info.attention == "rows"


def test_a_model_that_keeps_the_old_name_of_its_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = build_gpt2(layers=2, width=32, vocabulary=V, seed=1)
    forward, name = inner.forward, module.cache_name(inner)

    def old(ids: object, past_key_values: object = None, **options: object) -> object:
        return forward(ids, **{name: past_key_values}, **options)

    _, wanted = HfModel(inner).extend([None, InCall(0), InCall(0)], [1, 2, 3])
    monkeypatch.setattr(inner, "forward", old)
    model = HfModel(inner)
    assert (module.cache_name(inner), model.info.attention) == ("past_key_values", "tree")
    _, found = model.extend([None, InCall(0), InCall(0)], [1, 2, 3])
    assert np.array_equal(found, wanted)


def test_limits_and_bad_ids(model: HfModel) -> None:
    short = HfModel(model._model, max_positions=3)
    handles, _ = short.extend([None, InCall(0), InCall(1)], [1, 2, 3])
    with pytest.raises(ContextLengthError, match="4 positions and the model has 3"):
        short.extend([handles[2]], [4])
    with pytest.raises(UnknownIdError):
        short.extend([None], [V])
    with pytest.raises(StartContextError, match="start="):
        short.initial()
    assert short.extend([], [])[1].shape == (0, V)


def test_weights_that_are_not_numbers_are_no_distribution() -> None:
    inner = build_gpt2(layers=1, width=32, vocabulary=V, seed=1)
    model = HfModel(inner)
    with torch.no_grad():
        inner.transformer.ln_f.weight.fill_(math.nan)
    with pytest.raises(ModelContractError, match="not finite"):
        model.extend([None], [1])


def test_start_and_end_come_from_the_configuration_or_are_given() -> None:
    assert (gpt2().start_ids, gpt2().end_ids) == ((V - 1,), (V - 1,))
    assert (gpt2(start_ids=(1, 2)).start_ids, gpt2(end_ids=()).end_ids) == ((1, 2), ())
    inner = build_gpt2(layers=1, width=32, vocabulary=V, seed=1)
    inner.config.bos_token_id = None
    assert HfModel(inner).start_ids == ()


def test_equal_weights_have_one_fingerprint_and_others_another() -> None:
    other = HfModel(build_gpt2(layers=2, width=32, vocabulary=V, seed=2))
    assert gpt2().fingerprint == gpt2().fingerprint != other.fingerprint
    assert not gpt2().toy


# ---------------------------------------------------------------------- bytes over transformers


@pytest.mark.parametrize("reading", ["canonical", "canonical_context", "all"])
def test_bytes_over_a_padded_model_are_the_definition(reading: str) -> None:
    pieces = [b"a", b"b", b"ab", b"aa", b"bab"]
    tokens = {piece: token for token, piece in enumerate(pieces)}
    rules = BpeRules(tokens=tokens, ranks={piece: rank for rank, piece in enumerate(pieces[2:])})
    vocabulary = byte_vocabulary({token: piece for piece, token in tokens.items()})
    toy = make_toy(rules, vocabulary, [b"a", b"b"], family="ranks", utf8=False, depth=4)
    model = HfModel(build_llama(vocabulary=V, seed=5))
    ends = (V - 1,)

    def probabilities(ids: tuple[int, ...]) -> np.ndarray:
        found: np.ndarray = np.exp(plain(model, [*model.start_ids, *ids]))
        return found

    reference = Reference(
        probabilities, toy.bytes_of, ends, None if reading == "all" else toy.admitted, toy.complete,
        reading=reading, renormalise="byte",
    )  # fmt: skip
    byte_model = ByteModel.over(model, toy.vocabulary, toy.rule, reading=reading, eps=0, end_ids=ends)
    for prompt in (b"", b"a", b"ab", b"aab"):
        found = byte_model.next_byte_logprobs(prompt)
        assert np.abs(found.probabilities - reference.next(prompt)).sum() / 2 < 2e-6


def test_stepwise_and_one_shot_agree_and_positions_are_let_go_of() -> None:
    tokenizer = load_tokenizer("hf:@tiny.json")
    model = HfModel(build_gpt2(layers=2, width=32, vocabulary=1100, seed=1))
    byte_model = ByteModel(model, tokenizer)
    text = b"The engineer's  12 notes\n"
    score = byte_model.logprob(text)
    state = byte_model.start()
    steps = []
    for byte in text:
        known = state.next_byte_logprobs()
        steps.append(known.logprobs[byte] + math.log1p(-known.leak))
        state.push(bytes([byte]))
    assert score.per_byte is not None
    assert np.abs(np.array(steps) - score.per_byte).max() < 1e-5
    del state
    gc.collect()
    byte_model.next_byte_logprobs(b"x")  # what is dead is let go of with the next call
    assert len(model._slots._by_handle) < 10


def test_half_precision_is_loose_but_a_distribution() -> None:
    inner = build_gpt2(layers=1, width=32, vocabulary=V, seed=1).to(torch.bfloat16)
    _, rows = HfModel(inner).extend([None, InCall(0)], [1, 2])
    assert np.abs(np.exp(rows.astype(np.float64)).sum(1) - 1).max() < 1e-6


# ---------------------------------------------------------------------- folders


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokbench._resources import resource

    found = tmp_path_factory.mktemp("model")
    build_gpt2(layers=1, width=32, vocabulary=1100, seed=1).save_pretrained(found)
    (found / "tokenizer.json").write_bytes(resource("fixtures", "tiny.json").read_bytes())
    return found


def test_a_folder_is_loaded_with_its_own_tokenizer(folder: Path) -> None:
    model = load_model(f"hf:{folder}")
    assert model.tokenizer_spec == f"hf:{folder / 'tokenizer.json'}"
    assert (model.info.dtype, model.info.device, model.toy) == ("float32", "cpu", False)
    byte_model = ByteModel.load(f"hf:{folder}", start=(1000,))
    assert byte_model.logprob("The engine").exact
    assert load_model(f"hf:{folder}", dtype="float64").fingerprint != model.fingerprint
    assert load_model(f"hf:{folder}").fingerprint == model.fingerprint


def test_options_of_a_folder(folder: Path) -> None:
    tokenizer = load_tokenizer("hf:@tiny.json")
    model = load_model(f"hf:{folder}?start=<|endoftext|>&end=1000,1001&attention=rows", tokenizer=tokenizer)
    assert (model.start_ids, model.end_ids, model.info.attention) == ((1000,), (1000, 1001), "rows")
    for options, named in (
        ({"dtype": "int8"}, "dtype"), ({"start": "<s>"}, "start"), ({"temperature": 1}, "temperature"),
        ({"device": "tpu9"}, "device"), ({"max_positions": 0}, "max_positions"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=named):
            load_model(f"hf:{folder}", tokenizer=tokenizer, **options)


def test_a_folder_that_is_no_model_is_refused_in_one_line(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelFileError, match="no such folder"):
        load_model("hf:./nowhere")
    with pytest.raises(ModelFileError, match=r"no config\.json"):
        load_model(f"hf:{tmp_path}")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelFileError) as caught:
        load_model(f"hf:{tmp_path}")
    assert "\n" not in str(caught.value)
    for source in folder.glob("*.json"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelFileError):
        load_model(f"hf:{tmp_path}")


@pytest.mark.parametrize(("off", "attention"), [(0.25, "tree"), (3.0, "rows")])
def test_a_sharp_model_of_sixteen_bits_is_still_run_as_a_tree(
    monkeypatch: pytest.MonkeyPatch, off: float, attention: str
) -> None:
    """Kernels round logits of 40 by a quarter there, each its own way: no sign of a mask that was ignored."""
    inner = build_llama(vocabulary=400, seed=1)
    with torch.no_grad():
        inner.lm_head.weight.mul_(10 / inner(torch.tensor([[3, 7, 11]])).logits.std())
    last_logits = HfModel._last_logits
    noise = off * torch.randn(400, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(HfModel, "_last_logits", lambda self, rows: last_logits(self, rows) + noise)
    assert HfModel(inner.to(torch.bfloat16)).info.attention == attention


def test_rows_normalised_on_a_device_are_distributions() -> None:
    logits = 17 * torch.randn(3, 5000, generator=torch.Generator().manual_seed(1))
    logits[1, 7] = -math.inf
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        rows = module._normalised(logits.to(dtype), lambda index: (index,))
        assert rows.dtype == (np.float64 if dtype == torch.float64 else np.float32)
        assert np.abs(np.exp(rows).sum(1, dtype=np.float64) - 1).max() < 3e-7
        wanted = torch.log_softmax(logits.to(dtype).double(), -1).numpy()
        assert np.allclose(rows, wanted, rtol=1e-6, atol=0)
    for wrong in (math.nan, math.inf):
        logits[2, 0] = wrong
        with pytest.raises(ModelContractError) as caught:
            module._normalised(logits, lambda index: (index, 99))
        assert caught.value.context == (2, 99)


def test_no_kernel_that_is_planned_for_every_length_is_used_on_an_accelerator() -> None:
    before = torch.backends.cuda.cudnn_sdp_enabled()
    with module._kernels(torch.device("cuda")):
        assert not torch.backends.cuda.cudnn_sdp_enabled()
        assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.cudnn_sdp_enabled() == before
    with module._kernels(torch.device("cpu")):
        assert torch.backends.cuda.cudnn_sdp_enabled() == before
