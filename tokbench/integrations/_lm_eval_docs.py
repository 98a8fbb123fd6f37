"""Questions of our suites as documents of lm-eval, and the grade of an answer to one of them.

A document holds the exact text that the model is to read, and the settings that make it again: that is how a file of
samples finds back into a run record. Prompts are texts; what ``--apply_chat_template`` does is to hand that very text
over as the one message of a user.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

from tokbench.errors import OptionError, UnknownNameError
from tokbench.integrations._bridge import SUITES, RecordedAnswer, Request, defaults, log_settings, normal, requests
from tokbench.integrations._bridge import grade as bridge_grade
from tokbench.integrations._lm_eval_choices import ChoiceRequest, choice_requests, chosen

__all__ = ["choice_documents", "documents", "grade", "grade_choice", "plan_settings", "settings_from"]

_RENAMED = {"tokenizer_spec": "tokenizer", "items_seed": "seed"}
"""Settings with another name here: lm-eval mixes the arguments of the model, which may hold a tokenizer or a seed of
its own, into the metadata of every task."""

_LEFT_TO_LM_EVAL = frozenset({"limit", "form", "max_tokens", "reasoning", "temperature", "top_p"})
"""Settings that lm-eval has options for (``--limit``, ``--gen_kwargs``), and the form, which is always a text."""

_ALIKE = 0.9
"""How much a word has to look like a setting to be taken for a misspelt one, and not for an argument of the model."""

_WHOLE = ("suite", "suite_version", "items", "requests", "requests_sha256")


def _names(suite: str) -> dict[str, str]:
    """Settings of a suite: the name that they have here, and that of the bridge."""
    own = {name: name for name in defaults(suite) if name not in {*_LEFT_TO_LM_EVAL, *_RENAMED.values()}}
    return own | _RENAMED


def plan_settings(metadata: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """The suite and its settings in the metadata of a task; arguments of the model among them are passed over.

    Raises:
        UnknownNameError: If the suite does not exist.
        OptionError: If a value is none that its setting takes.
    """
    suite = str(metadata.get("suite"))
    if suite not in SUITES:
        raise UnknownNameError("suite", suite, SUITES)
    names = _names(suite)
    every = {name for other in SUITES for name in _names(other)}
    for name in metadata:
        # it may be an argument of the model, so it cannot be an error
        if name not in every and (near := difflib.get_close_matches(name, every, 1, _ALIKE)):
            warnings.warn(f"{name!r} is no setting of the tasks of tokbench: did you mean {near[0]!r}?", stacklevel=2)
    found: dict[str, object] = {names[name]: value for name, value in metadata.items() if name in names}
    return suite, {**normal(suite, found), "form": "text"}


def _check_version(metadata: Mapping[str, object], settings: Mapping[str, object]) -> None:
    written = metadata.get("version")
    if written is not None and written != settings["suite_version"]:
        raise OptionError(
            "version", written, f"{settings['suite_version']}, the version of the suite that is installed"
        )


# ---------------------------------------------------------------------- documents


def documents(metadata: Mapping[str, object]) -> list[dict[str, object]]:
    """One document for each question of a suite, ordered so that the first ones are a sample of all tasks.

    Args:
        metadata: ``suite`` and its settings.

    Returns:
        Rows with ``prompt`` and ``gold`` (what lm-eval reads), ``key``, ``item_id``, ``group``, ``prompt_sha256``,
        ``suite`` and ``settings`` (JSON).

    Raises:
        TokbenchError: If a setting does not exist or does not fit.
    """
    suite, own = plan_settings(metadata)
    settings = log_settings(suite, **own)
    _check_version(metadata, settings)
    written = json.dumps(settings, sort_keys=True)
    found = requests(suite, **own)  # type: ignore[arg-type]  # normal() has checked each of them
    return [_document(request, written) for request in _mixed(found)]


def choice_documents(metadata: Mapping[str, object]) -> list[dict[str, object]]:
    """The same for items whose answers can be listed, with ``choices``; ``prompt`` ends where an answer begins.

    Raises:
        TokbenchError: If a setting does not exist or does not fit.
    """
    suite, own = plan_settings({**metadata, "prompt": metadata.get("prompt", "completion")})
    if suite != "charbench":
        raise UnknownNameError("suite with listed answers", suite, ("charbench",))
    settings = {**log_settings(suite, **own), "mode": "loglik"}
    _check_version(metadata, settings)
    written = json.dumps(settings, sort_keys=True)
    found = choice_requests(own)
    return [{**_document(entry.request, written), "choices": list(entry.choices)} for entry in _mixed_choices(found)]


def _document(request: Request, settings: str) -> dict[str, object]:
    return {
        "prompt": request.prompt.text, "gold": request.gold, "key": request.key, "item_id": request.item_id,
        "group": request.group, "prompt_sha256": request.prompt.sha256, "suite": request.suite, "settings": settings,
    }  # fmt: skip


def _mixed(found: Iterable[Request]) -> Iterator[Request]:
    """Requests in turns of their groups, drawn within each by a hash: lm-eval's ``--limit`` takes the first ones."""
    groups: dict[str, list[Request]] = {}
    for request in found:
        groups.setdefault(request.group, []).append(request)
    drawn = [
        sorted(group, key=lambda request: hashlib.sha256(request.key.encode()).digest()) for group in groups.values()
    ]
    for turn in zip_longest(*drawn):
        yield from (request for request in turn if request is not None)


def _mixed_choices(found: Sequence[ChoiceRequest]) -> Iterator[ChoiceRequest]:
    by_key = {entry.request.key: entry for entry in found}
    return (by_key[request.key] for request in _mixed(entry.request for entry in found))


# ---------------------------------------------------------------------- grades


def settings_from(doc: Mapping[str, object]) -> dict[str, object]:
    """The settings that a document carries, with the hashes beside them.

    Raises:
        ValueError: If it carries none.
    """
    found = json.loads(str(doc["settings"]))
    if not isinstance(found, dict):
        msg = "settings hold no object"
        raise ValueError(msg)  # noqa: TRY004, one error for all that a file may hold instead
    return found


def grade(doc: Mapping[str, object], results: Sequence[object]) -> dict[str, float]:
    """Grade an answer with the grader of its suite, for ``process_results``.

    Args:
        doc: The document.
        results: The answer, alone in a list.

    Returns:
        ``acc`` (1 if the answer is right; of several words in one item the share), ``invalid`` (1 if there is nothing
        in it that can be graded), and for ``charbench`` ``acc_lenient`` (right as a patient reader takes it).
    """
    settings = settings_from(doc)
    own = {name: value for name, value in settings.items() if name not in _WHOLE}
    answer = RecordedAnswer(text=str(results[0]), finish_reason="")  # lm-eval does not say why an answer ended
    found = bridge_grade(str(doc["suite"]), str(doc["key"]), answer, **own)
    scores = {"acc": found.score or 0.0, "invalid": float(found.outcome == "invalid")}
    if doc["suite"] == "charbench":
        detail = found.rows[0].detail or {}
        scores["acc_lenient"] = float(bool(detail.get("correct_lenient")))
    return scores


def grade_choice(doc: Mapping[str, object], results: Sequence[Sequence[object]]) -> dict[str, float]:
    """Whether the most probable answer is the right one, for ``process_results`` of ``multiple_choice``.

    Args:
        doc: The document.
        results: Log-probability of each choice, and whether it is what the model would say.
    """
    choices = doc["choices"]
    assert isinstance(choices, list), "made by choice_documents"
    return {"acc": float(choices[chosen([float(str(result[0])) for result in results])] == doc["gold"])}
