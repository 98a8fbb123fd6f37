"""What there is to say of one tokenizer or one model, gathered over all suites, with pictures of telling cuts.

Numbers of different suites, versions and profiles stand in rows of their own, each beside its run; none are combined.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from tokbench.report._examples import examples
from tokbench.report._format import count, label
from tokbench.report._groups import Entry, Group, slug
from tokbench.report._measures import Seen, first, of_models, of_tokenizers
from tokbench.report._pictures import shortened, tokenizer_pictures
from tokbench.report._view import Picture, Portrait

__all__ = ["model_portraits", "tokenizer_portraits"]

_TITLE = 120
_FACT = 200
_FILES = 3
_SETTINGS = 8
_SHORT = 12  # characters of a digest


# ---------------------------------------------------------------------- facts


def _fact(name: str, value: object) -> list[tuple[str, str]]:
    """One fact; none where nothing is recorded."""
    text = "" if value is None else shortened(label(str(value)), _FACT)
    return [(name, text)] if text else []


def _pairs(value: object) -> list[tuple[str, str]]:
    """An object or a list of pairs, as a record holds them, as pairs of text."""
    if isinstance(value, Mapping):
        return sorted((str(name), str(one)) for name, one in value.items())
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return [(str(pair[0]), str(pair[1])) for pair in value if isinstance(pair, list | tuple) and len(pair) == 2]  # noqa: PLR2004, a pair


def _files(value: object) -> str:
    files = [file for file in value if isinstance(file, Mapping)] if isinstance(value, list | tuple) else []
    shown = [f"{file.get('name')}, SHA-256 {str(file.get('sha256'))[:_SHORT]}" for file in files[:_FILES]]
    return "; ".join(shown) + (f"; {len(files) - _FILES} more" if len(files) > _FILES else "")


def _textless(entries: Iterable[Entry]) -> int | None:
    """Ids that stand for no text, from the sizes that the audit states; None where there is none."""
    for entry in entries:
        sizes = [first(entry, f"audit.{name}") for name in ("duplicate", "alone", "byte-emitted")]
        every, text, single = (row.n if row is not None else None for row in sizes)
        if every is not None and text is not None and single is not None:
            return every - text - single
    return None


_SPANS = {"bytes": "from the bytes of tokens", "library": "the library's own", "none": "none"}


def _tokenizer_facts(seen: Sequence[Seen]) -> list[tuple[str, str]]:
    found = seen[0].entry.tokenizer
    capability = found.get("capability")
    promises = capability if isinstance(capability, Mapping) else {}
    ids, size = found.get("n_ids"), found.get("n_vocab")
    shown = count(ids) if isinstance(ids, int) else ""
    if isinstance(size, int) and size != ids:
        shown += f"; the library counts {count(size)}"
    textless = _textless(one.entry for one in seen)
    without = "" if textless is None else f"{count(textless)} (special, control, unknown, unused)"
    libraries = ", ".join(f"{name} {version}" for name, version in _pairs(found.get("libraries")))
    return [
        *_fact("Spec", found.get("spec")),
        *_fact("Family", found.get("family")),
        *_fact("Ids", shown),
        *_fact("Ids without text", without),
        *_fact("Round trip, declared", promises.get("summary") or promises.get("round_trip")),
        *_fact("Byte spans", _SPANS.get(str(found.get("spans_source")), "")),
        *_fact("Inserted in front", "a space" if promises.get("prefix") == " " else promises.get("prefix")),
        *_fact("Library", libraries),
        *_fact("File", _files(found.get("files"))),
        *_fact("Fingerprint", str(found.get("fingerprint") or "")[:_SHORT]),
    ]  # fmt: skip


_DECODING = ("temperature", "top_p", "max_tokens", "seed")


def _is_toy(model: Mapping[str, object]) -> bool:
    return bool(model.get("synthetic") or model.get("toy"))


def _model_facts(seen: Sequence[Seen]) -> list[tuple[str, str]]:
    found = seen[0].entry.run.group("model")
    toy = "toy (scripted, replayed or built in): never ranked, its numbers say nothing of real models"
    decoding = ", ".join(
        f"{name} {found[name]}" for name in _DECODING if isinstance(found.get(name), int | float)
    )  # fmt: skip
    settings = _pairs(found.get("settings"))
    shown = ", ".join(f"{name} {shortened(value, 30)}" for name, value in settings[:_SETTINGS])
    tokenizers = dict.fromkeys(one.entry.spec for one in seen)
    return [
        *_fact("Spec", found.get("spec")),
        *_fact("Kind", toy if _is_toy(found) else "model"),
        *_fact("Backend", found.get("backend")),
        *_fact("Number format", found.get("dtype")),
        *_fact("Device", found.get("device")),
        *_fact("Tokenizers", ", ".join(tokenizers)),
        *_fact("Answers", decoding),
        *_fact("Settings", shown),
        *_fact("Libraries", ", ".join(f"{name} {version}" for name, version in _pairs(found.get("libraries")))),
        *_fact("Fingerprint", str(found.get("fingerprint") or "")[:_SHORT]),
    ]


# ---------------------------------------------------------------------- portraits


def _sorted_by(
    groups: Sequence[Group], key: Callable[[Entry], tuple[str, str] | None]
) -> list[tuple[tuple[str, str], list[Seen]]]:
    """The runs by what they are of, in an order that does not depend on theirs."""
    found = [(name, Seen(group, entry)) for group in groups for entry in group.entries
             if (name := key(entry)) is not None]  # fmt: skip
    found.sort(key=lambda pair: pair[0])  # stable: the runs of one keep the order of the page
    return [(name, [seen for _, seen in part]) for name, part in groupby(found, key=lambda pair: pair[0])]


def _anchor(kind: str, name: tuple[str, str], taken: set[str]) -> str:
    """An id that depends on nothing but what the portrait is of, so that a link to it lasts."""
    digest = hashlib.sha256("\0".join(name).encode("utf-8", "backslashreplace")).hexdigest()
    made, length = f"{kind}-{slug(name[0])[:40].strip('-')}-{digest[:8]}", 8
    while made in taken:
        length += 8
        made = f"{kind}-{slug(name[0])[:40].strip('-')}-{digest[:length]}"
    taken.add(made)
    return made


def _titles(names: Sequence[tuple[str, str]]) -> list[str]:
    """Specs, with the fingerprint where one spec stands for several (other files or versions)."""
    specs = [spec for spec, _ in names]
    return [
        shortened(label(spec), _TITLE) + (f" ({label(mark)[:_SHORT]})" if specs.count(spec) > 1 and mark else "")
        for spec, mark in names
    ]


def _runs(seen: Sequence[Seen]) -> list[tuple[str, str]]:
    return [(f"{one.name}, {one.model}" if one.model else one.name, one.entry.anchor) for one in seen]


def _tokenizer_key(entry: Entry) -> tuple[str, str]:
    found = entry.tokenizer
    return str(found.get("spec") or ""), str(found.get("fingerprint") or "")


def _model_key(entry: Entry) -> tuple[str, str] | None:
    run, model = entry.run.group("run"), entry.run.group("model")
    if not run.get("model"):
        return None
    return str(model.get("spec") or run["model"]), str(model.get("fingerprint") or "")


def tokenizer_portraits(groups: Sequence[Group]) -> list[Portrait]:
    """One portrait for each tokenizer: its spec, and what its fingerprint tells apart.

    Args:
        groups: All runs of the page.

    Returns:
        Portraits sorted by spec. The pictures are those of its newest run that has some.
    """
    parts = _sorted_by(groups, _tokenizer_key)
    taken: set[str] = set()
    made = []
    for (name, seen), title in zip(parts, _titles([name for name, _ in parts]), strict=True):
        newest = sorted(
            seen, key=lambda one: (str(one.entry.run.group("time").get("end") or ""), one.entry.run.id), reverse=True
        )
        pictures = next((drawn for one in newest if one.group.suite == "exactness"
                         and (drawn := tokenizer_pictures(one.entry))), [])  # fmt: skip
        anchor = _anchor("tokenizer", name, taken)
        made.append(Portrait(anchor, title, _tokenizer_facts(seen), pictures, of_tokenizers(seen), _runs(seen)))
    return made


def model_portraits(groups: Sequence[Group]) -> list[Portrait]:
    """One portrait for each model: its spec, and what its fingerprint tells apart. Toys say so in the title.

    Args:
        groups: All runs of the page.

    Returns:
        Portraits sorted by spec, each with examples of what the model gets wrong.
    """
    parts = _sorted_by(groups, _model_key)
    taken: set[str] = set()
    made = []
    for (name, seen), title in zip(parts, _titles([name for name, _ in parts]), strict=True):
        toy = " (toy)" * any(_is_toy(one.entry.run.group("model")) for one in seen)
        pictures: list[Picture] = []
        facts = _model_facts(seen)
        for suite in dict.fromkeys(one.group.suite for one in seen):
            found = examples(suite, [one.entry for one in seen if one.group.suite == suite])
            if found is not None:
                pictures += found.pictures
                facts += _fact(f"Examples, {label(suite)}", found.chosen)
        runs = [(f"{one.name}, {one.entry.spec}", one.entry.anchor) for one in seen]
        anchor = _anchor("model", name, taken)
        made.append(Portrait(anchor, f"{title}{toy}", facts, pictures, of_models(seen), runs))
    return made
