"""The equivalence experiment and masked decoding on transformers."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from completers import TINY  # noqa: E402, behind the skips
from toys_torch import build_gpt2  # noqa: E402

from tokbench.models import HfModel  # noqa: E402
from tokbench.models._hf_complete import HfCompleter  # noqa: E402
from tokbench.models.completion import Decoding, Prompt  # noqa: E402
from tokbench.suites.phantom._distances import jensen_shannon  # noqa: E402
from tokbench.suites.phantom._equivalence_rows import equivalence_metrics  # noqa: E402
from tokbench.suites.phantom._recut import variants  # noqa: E402
from tokbench.suites.phantom.equivalence import equivalence_samples, id_prompt  # noqa: E402
from tokbench.suites.phantom.items import items  # noqa: E402

ITEMS = [one for one in items("smoke", 0, ["ordinal"]) if one.stratum == "common"][:2]


def test_divergences_are_those_of_plain_forwards_and_a_mask_leaves_the_next_best() -> None:
    inner = HfModel(build_gpt2(layers=1, width=16, vocabulary=1100, seed=3))
    model = HfCompleter(inner, TINY)
    samples = equivalence_samples(model, ITEMS, TINY, draws=2, decoding=Decoding(max_tokens=2))
    found = {(one.metric, one.filter): one for one in equivalence_metrics(samples)}
    again = found["equivalence.js_byte", "same bytes|canonical-again"].value
    moved = found["equivalence.js_byte", "same bytes|characters"].value
    assert again == pytest.approx(0, abs=1e-9)
    assert found["equivalence.kl_token", "same bytes|canonical-again"].value == pytest.approx(0, abs=1e-9)
    assert moved is not None
    assert moved > 1e-3
    assert found["equivalence.flip_rate", "same bytes|canonical-again"].value == 0
    # by one plain forward
    read = id_prompt(model, TINY, ITEMS[0])
    with torch.inference_mode():
        logits = inner.network(torch.tensor([read.whole(read.tokens.ids)])).logits[0, -1].double()
        other = inner.network(
            torch.tensor([next(one.ids for one in variants(read, TINY) if one.condition == "characters")])
        ).logits[0, -1].double()  # fmt: skip
    rows = [torch.log_softmax(one, -1).numpy() for one in (logits, other)]
    wanted = jensen_shannon(*rows)
    row = next(one.detail for one in samples if one.item_id == f"{ITEMS[0].item_id}/characters/0")
    assert row is not None
    assert row["js_token"] == pytest.approx(wanted, abs=1e-5)
    # a mask in transformers: greedily the best of what is left
    prompt = Prompt(ids=read.whole(read.tokens.ids))
    best = int(np.argmax(rows[0]))
    masked = model.generate([prompt], Decoding(max_tokens=1, forbidden=(best,)))[0]
    assert masked.ids == (int(np.argsort(-rows[0])[1]),)
    assert masked.logprobs == pytest.approx((float(np.sort(rows[0])[-2]),), abs=1e-4)
