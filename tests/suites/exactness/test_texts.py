from __future__ import annotations

from pathlib import Path

import pytest

from tokbench.errors import MetricInputError, SuiteDefinitionError, TextInputError
from tokbench.suites.exactness.texts import embedded_corpus, read_parallel, read_text


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def test_a_file_is_read_line_by_line(tmp_path: Path) -> None:
    text = read_text(write(tmp_path / "a.txt", "\ufeffone\r\n\ntwo\u2028still two\n"), "whitespace")
    assert (text.name, text.lines, text.segmenter) == ("a", ("one", "", "two\u2028still two"), "whitespace")


def test_what_is_not_utf8_names_offset_and_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"one\ntw\xff\n")
    with pytest.raises(TextInputError, match=r"a\.txt: expected UTF-8, found byte 0xFF at offset 6 \(line 2\)"):
        read_text(path)


def test_missing_and_empty_files(tmp_path: Path) -> None:
    with pytest.raises(TextInputError, match=r"b\.txt: this text file cannot be read"):
        read_text(tmp_path / "b.txt")
    with pytest.raises(MetricInputError, match=r"c\.txt: the file holds no text"):
        read_text(write(tmp_path / "c.txt", " \n\n"))


def test_parallel_files_must_be_aligned(tmp_path: Path) -> None:
    one, two = write(tmp_path / "eng.txt", "a\nb\n"), write(tmp_path / "deu.txt", "c\nd\n")
    assert [(text.name, text.parallel) for text in read_parallel([one, two])] == [("eng", True), ("deu", True)]
    write(two, "c\n")
    with pytest.raises(MetricInputError, match=r"deu\.txt: 1 lines, but the parallel file eng\.txt has 2"):
        read_parallel([one, two])
    write(two, "c\n \n")
    with pytest.raises(MetricInputError, match=r"deu\.txt, line 2: the line is empty, but in eng\.txt it is not"):
        read_parallel([one, two])
    with pytest.raises(MetricInputError, match="two parallel texts are called 'eng'"):
        read_parallel([one, one])


def test_the_embedded_corpus() -> None:
    texts = embedded_corpus()
    parallel = [text for text in texts if text.parallel]
    assert (texts[0].name, texts[0].title) == ("eng", "English")
    assert len(parallel) > 10
    assert {len(text.lines) for text in parallel} == {len(texts[0].lines)}
    assert {text.name for text in texts} >= {"tha", "cmn", "code", "numbers"}
    assert next(text for text in texts if text.name == "tha").segmenter is None


ENTRY = '[[file]]\npath = "{0}.txt"\ncode = "{0}"\nname = "N"\nscript = "Latn"\nsegmenter = "{1}"\nparallel = true\n'


def test_the_reference_comes_first_and_must_exist(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "x\n")
    write(tmp_path / "b.txt", "y\n")
    entries = ENTRY.format("a", "none") + ENTRY.format("b", "whitespace")
    write(tmp_path / "index.toml", f'reference = "b.txt"\n{entries}')
    assert [(text.name, text.segmenter) for text in embedded_corpus(tmp_path)] == [("b", "whitespace"), ("a", None)]
    write(tmp_path / "index.toml", f'reference = "z.txt"\n{entries}')
    with pytest.raises(SuiteDefinitionError, match=r"index\.toml: reference: z\.txt is not among the parallel files"):
        embedded_corpus(tmp_path)


def test_a_wrong_entry_names_its_field(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "x\n")
    write(tmp_path / "index.toml", 'reference = "a.txt"\n' + ENTRY.format("a", "jieba"))
    with pytest.raises(SuiteDefinitionError, match=r"file\[0\]\.segmenter: expected one of none, whitespace, uax29"):
        embedded_corpus(tmp_path)
