from __future__ import annotations

import inspect
import pickle

import pytest

from tokbench import errors

EXAMPLES: dict[str, tuple[object, ...]] = {
    "AuthenticationError": ("host", "401: invalid key", "OPENAI_API_KEY"),
    "CertificateError": (0.5, 1e-3, 64),
    "ContextLengthError": (2000, 1024),
    "ControlTokenError": (3, "control", "x:y"),
    "DeadEndError": (b"abc", "utf8_only"),
    "DuplicateRunError": ("a", "b", "metrics, fertility: value"),
    "FullDistributionRequired": ("openai:m", "the 20 most likely tokens"),
    "InfillTokenError": ("<fim_prefix>", "psm", "hf:x"),
    "ItemError": ("charbench-1/x", "no such character"),
    "LatticeTooLarge": (10**30, 10**6),
    "LossyTextError": (3, "normalised", "hf:x"),
    "MetricInputError": ("a.txt", 7, "wanted b, found c"),
    "MissingExtraError": ("mistral_common", "mistral", "needed"),
    "ModelContractError": ((1, 2), "NaN"),
    "ModelFileError": ("dir", "a model", "nothing"),
    "NoChatTemplateError": ("hf:x", "use --prompt plain"),
    "NotASegmentationError": (4, "token 7 is b'x'"),
    "OptionError": ("pattern", "?", "a name"),
    "OutputDirectoryError": ("out", "holds something else"),
    "PromptFormError": ("replay:x", "ids", ("text",)),
    "RecordError": ("run.json", "schema 9 is newer"),
    "RecordingError": ("a.csv", 3, "two answers"),
    "ServerError": ("host", "nothing listens", "start it"),
    "SpanError": (4, "a gap"),
    "SpecError": ("x", "expected backend:locator"),
    "SpecialTextError": ("<s>", 4),
    "StartContextError": ("hf:gpt2",),
    "SuiteDefinitionError": ("suite.toml", "no version"),
    "TextInputError": ("argument 1", "not UTF-8"),
    "TokenizerFileError": ("a.json", "a tokenizer.json", "a folder"),
    "TokenizerFileMissing": ("a.json", "a tokenizer.json"),
    "UncoverableTextError": (2, 0xFF, "hf:x"),
    "UnknownBackendError": ("tiktokne", ("tiktoken", "hf")),
    "UnknownIdError": (-1, "bytes"),
    "UnknownLawError": ("round-tripp", ("round-trip", "growth")),
    "UnknownModelError": ("gpt:x", "ngram:NAME"),
    "UnknownNameError": ("task", "count_chr", ("count_char", "spell")),
    "UnmappableTokenError": (5, "x", "outside the table"),
    "UnpairedSurrogateError": (2, 0xD800),
    "UnsupportedError": ("encode_bytes", "hf:x", "takes text only"),
    "UnsupportedReadingError": ("al", "no such reading", "use all"),
    "VectorFormatError": ("a.out", "3 inputs, 4 outputs"),
    "VocabularyMismatchError": ("a", "b", 17, b"x", b"y"),
    "VocabularyUnavailable": ("cl100k", "a file", "connect"),
    "VocabularyWidthError": (10, 12, "the largest id"),
    "WordListError": ("a.txt", 2, "holds a quote"),
}
CLASSES = {
    name: entry
    for name, entry in vars(errors).items()
    if inspect.isclass(entry) and issubclass(entry, errors.TokbenchError) and entry is not errors.TokbenchError
}


def test_every_error_is_public_and_has_an_example() -> None:
    assert set(CLASSES) == set(EXAMPLES)
    assert set(errors.__all__) == {*CLASSES, "TokbenchError"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_error_is_a_builtin_carries_data_and_pickles(name: str) -> None:
    error = CLASSES[name](*EXAMPLES[name])
    assert any(base.__module__ == "builtins" and base is not Exception for base in type(error).__mro__[1:-3])
    for value in EXAMPLES[name]:
        assert value in vars(error).values()
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301, our own pickle
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
    assert "\n" not in str(error)
    assert len(str(error)) > 20
    assert error.exit_code == (3 if name == "CertificateError" else 2)  # a bound that was missed is no mistake


def test_close_matches_are_named() -> None:
    assert "did you mean tiktoken?" in str(CLASSES["UnknownBackendError"]("tiktokne", ("tiktoken", "hf")))
    assert "did you mean round-trip?" in str(CLASSES["UnknownLawError"]("round-tripp", ("round-trip", "growth")))
