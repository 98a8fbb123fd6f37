"""The report: same bytes from same runs, nothing dropped, nothing executed."""

from __future__ import annotations

import csv
import html.parser
import io
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokbench import report, results
from tokbench.errors import OptionError, OutputDirectoryError
from tokbench.report import TextFormat
from tokbench.results import Metric, Run, Sample

_VOID = {"meta", "br", "link", "img", "input", "hr"}


class _Structure(html.parser.HTMLParser):
    """Open and close tags, and the text outside style."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name == "href" and str(value).startswith("#"):
                self.targets.append(str(value)[1:])
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def _parsed(page: str) -> _Structure:
    parser = _Structure()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def _shuffled(runs: list[Run], seed: int) -> list[Run]:
    rng = random.Random(seed)
    mixed = []
    for run in runs:
        samples, metrics = list(run.sample_rows), list(run.metric_rows)
        rng.shuffle(samples)
        rng.shuffle(metrics)
        mixed.append(Run(dict(reversed(list(run.record.items()))), samples, metrics, run.directory))
    rng.shuffle(mixed)
    return mixed


@pytest.mark.parametrize("kind", report.TEXT_FORMATS)
def test_order_of_runs_and_rows_does_not_matter(demo: list[Run], kind: TextFormat) -> None:
    wanted = report.render(demo, title="Demo", format=kind)
    for seed in range(5):
        assert report.render(_shuffled(demo, seed), title="Demo", format=kind) == wanted


_SCRIPT = """
import hashlib, sys, random
from tokbench import report, results
runs = results.load(sys.argv[1])
random.Random(int(sys.argv[2])).shuffle(runs)
text = "".join(report.render(runs, title="Demo", format=kind) for kind in report.TEXT_FORMATS)
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_hash_seed_time_zone_and_working_directory_do_not_matter(demo_dir: Path, tmp_path: Path) -> None:
    found = set()
    for seed, zone, folder in (("0", "UTC", tmp_path), ("1", "Pacific/Auckland", demo_dir)):
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, str(demo_dir), seed],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C"},
            cwd=folder, check=True, capture_output=True, text=True,
        )  # fmt: skip
        found.add(done.stdout)
    assert len(found) == 1


def test_page_loads_nothing_and_is_well_formed(demo: list[Run]) -> None:
    page = report.render(demo, title="Demo")
    for forbidden in ("src=", "@import", "url(", "fetch(", "<link", "http:", "https:"):
        assert forbidden not in page
    assert page.count("<script") == page.count("</script>") == 2  # the facets of the runs, and the script
    parsed = _parsed(page)
    assert len(set(parsed.ids)) == len(parsed.ids)
    assert set(parsed.targets) <= set(parsed.ids)
    assert all("scope" in attributes for tag, attributes in parsed.tags if tag == "th")
    assert "default-src 'none'" in page


def test_every_cell_is_in_the_text_of_the_page(demo: list[Run]) -> None:
    text = _parsed(report.render(demo, title="Demo")).text
    for wanted in (
        "1 of 2 hold", "2 of 3 hold", "holds", "fails", "n.a.", "not run", "error", "child died",  # laws
        "370 of 4,000", "9.25 %", "differs", "0 of 16,000", "equal",  # parity
        "370 of 20,000 differ", "141/141", "140/141", "140 of 141",
        "no reference engine given", "344", "left-3",
        "1.2500", "[1.2000, 1.3000]", "n = 100", "tokens/word (whitespace words)",
        "Thai has no spaces: name a segmenter", "4.4000",
        "2.4000", "21.0000", "not a finite number (inf)", "home-grown",
        "accuracy", "0.5000", "[0.3520, 0.6480]", "is not finished",
        "tokbench run exactness --tokenizer hf-alpha '<x>'", "polars",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_parity_total_is_not_counted_twice(demo: list[Run]) -> None:
    text = _parsed(report.render(demo, title="Demo")).text
    assert "740 of 40,000" not in text


def test_hostile_strings_stay_text(demo: list[Run], hostile: str) -> None:
    for kind in report.TEXT_FORMATS:
        text = report.render(demo, title=hostile, format=kind, excluded=[(hostile, hostile)])
        text.encode()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    page = report.render(demo, title=hostile, excluded=[(hostile, hostile)])
    assert page.count("</script>") == 2  # our own
    assert "onclick" not in {name for _, attributes in _parsed(page).tags for name in attributes}
    assert r"\u202e\x00" in page


def _one(text: str, record: dict[str, object]) -> Run:
    samples = [
        Sample(item_id="law/pure", metric="law", outcome="wrong", message=text),
        Sample(item_id=f"digits/{text}", metric="digits.policy", outcome="correct", message=text),
    ]
    metric = Metric(metric="accuracy", value=None, reason=text, filter=text, unit=text)
    return Run({**record, "tokenizer": {"spec": text, "family": text}}, samples, [metric])


@settings(max_examples=40)
@given(st.text(st.characters(), min_size=1, max_size=30))
def test_structure_of_the_page_does_not_depend_on_strings(text: str) -> None:
    record: dict[str, object] = {
        "schema": 1,
        "run": {"id": "r", "key": "k", "status": "complete", "suite": "exactness", "suite_version": "1",
                "tokenizer": text},
        "tokbench": {"version": "1", "command": text, "profile": "core", "seed": 0, "items_sha256": {}},
        "environment": {}, "time": {"start": "2026"},
    }  # fmt: skip
    page = report.render([_one(text, record)], title=text)
    page.encode()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", page)
    plain = report.render([_one("x", record | {"run": {**record["run"], "tokenizer": "x"}})], title="x")  # type: ignore[dict-item]
    assert [tag for tag, _ in _parsed(page).tags] == [tag for tag, _ in _parsed(plain).tags]


def test_another_suite_leaves_the_tables_of_a_suite_alone(demo: list[Run]) -> None:
    def part(runs: list[Run]) -> str:
        page = report.render(runs, title="Demo")
        return page[page.index('<h2 id="exactness') : page.index("<h2", page.index('<h2 id="exactness') + 5)]

    alone = part(report.select(demo, suites=["exactness", "phantom"]))
    assert part(demo) == alone
    assert len(alone) > 1000


def test_suite_versions_never_share_a_table(demo: list[Run]) -> None:
    one = report.select(demo, suites=["exactness"])[0]
    run = {**one.group("run"), "suite_version": "2.0.0", "key": "other", "id": "other"}
    newer = Run({**one.record, "run": run}, one.sample_rows, one.metric_rows)
    page = report.render([one, newer], title="Demo")
    assert '<h2 id="exactness-1-0-0-core">' in page
    assert '<h2 id="exactness-2-0-0-core">' in page
    assert len(report.select([one, newer], suite_version="2.0.0")) == 1


def test_two_runs_of_one_tokenizer_are_told_apart(demo: list[Run]) -> None:
    one = report.select(demo, suites=["exactness"])[0]
    twin = Run({**one.record, "run": {**one.group("run"), "key": "ffffffffff"}}, one.sample_rows, one.metric_rows)
    text = _parsed(report.render([one, twin], title="Demo")).text
    assert "hf-alpha (ffffffff)" in text


def test_markdown_has_the_columns_of_lm_eval(demo: list[Run], hostile: str) -> None:
    text = report.render(demo, title="Demo", format="markdown")
    assert "| Tokenizer | Version | Filter | Metric | ↑/↓ | Value | ± or 95 % interval | n |" in text
    assert "| hf-alpha | exactness 1.0.0 | words.txt | fertility (tokens/word (whitespace words)) " in text
    assert "| ↓ | 1.2500 | ± 0.0500 | 100 |" in text
    assert "| Tokenizer | only-here | pure | round-trip | spans-cover |" in text
    assert "| hf-alpha | error | holds | holds | n.a. |" in text
    assert "| tiktoken-beta | not run | holds | fails | n.a. |" in text
    for line in text.splitlines():
        if line.startswith("| "):
            assert line.endswith(" |")
    assert "Left out: x: broken" in report.render(demo, format="markdown", excluded=[("x", "broken")])


def test_csv_and_json_hold_every_row(demo: list[Run]) -> None:
    wanted = sum(len(run.metric_rows) + sum(row.metric == "law" for row in run.sample_rows) for run in demo)
    rows = list(csv.DictReader(io.StringIO(report.render(demo, format="csv"))))
    assert len(rows) == wanted
    document = json.loads(report.render(demo, format="json"))
    assert len(document["rows"]) == wanted
    assert len(document["runs"]) == len(demo)
    missing = [row for row in rows if row["value"] == ""]
    assert missing
    assert all(row["reason"] for row in missing)


def test_csv_runs_no_formula(demo: list[Run]) -> None:
    run = Run(demo[0].record, [], [Metric(metric="=cmd()", value=-1.0, unit="+x")])
    row = next(csv.DictReader(io.StringIO(report.render([run], format="csv"))))
    assert (row["metric"], row["unit"], row["value"]) == ("'=cmd()", "'+x", "-1.0")


def test_no_runs_is_said(demo: list[Run]) -> None:
    assert "There are no results to show." in report.render([])


def test_date_is_that_of_the_newest_run(demo: list[Run]) -> None:
    assert "the newest of 2026-01-05T00:00:00Z" in report.render(demo)


def test_unknown_format(demo: list[Run]) -> None:
    with pytest.raises(OptionError, match="one of html, markdown, csv, json"):
        report.render(demo, format="pdf")  # type: ignore[arg-type]


def test_write(demo_dir: Path, tmp_path: Path) -> None:
    runs = results.load(demo_dir)
    page = tmp_path / "page.html"
    assert report.write(runs, page) == [page]
    assert "Raw data" not in page.read_text(encoding="utf-8")  # the runs do not lie below the page
    with pytest.raises(OutputDirectoryError, match=r"page\.html exists already: use --force"):
        report.write(runs, page)
    report.write(runs, page, force=True)
    names = [path.name for path in report.write(runs, tmp_path / "out")]
    assert names == ["leaderboard.html", "leaderboard.md", "leaderboard.csv", "leaderboard.json"]
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []
    with pytest.raises(OptionError, match="a directory or a name that ends in"):
        report.write(runs, tmp_path / "page.pdf")


def test_raw_files_are_linked_beside_the_page(demo_dir: Path) -> None:
    page = demo_dir / "index.html"
    try:
        runs = results.load(demo_dir)
        report.write(runs, page)
        assert f'<a href="{runs[0].id}/samples.parquet">' in page.read_text(encoding="utf-8")
    finally:
        page.unlink()


def test_size_for_twenty_tokenizers(demo: list[Run]) -> None:
    one = report.select(demo, suites=["exactness"])[1]
    runs = []
    for number in range(20):
        laws = [Sample(item_id=f"law/law-{index:02}", metric="law", outcome="wrong", message="x" * 400)
                for index in range(40)]  # fmt: skip
        about = {**one.group("run"), "tokenizer": f"t{number}", "key": f"{number}", "id": f"run-{number}"}
        runs.append(Run({**one.record, "run": about}, laws, one.metric_rows))
    assert len(report.render(runs).encode()) < 1_000_000
