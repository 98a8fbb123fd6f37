"""What a page consists of, before it becomes HTML or Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Tone = Literal["", "good", "bad", "warn", "mute", "missing"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: text, a second line in small print, and how it is marked (never by colour alone).

    Attributes:
        text: What it says.
        sub: The second line.
        tone: How it is marked.
        href: Where it leads: ``#`` and an anchor of the page. A link to a run makes its row one of that run.
        value: What a reader's sort goes by; None where the first number in the text says it (and words, if there is
            none).
    """

    text: str
    sub: str = ""
    tone: Tone = ""
    href: str = ""
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """Head of a column."""

    title: str
    sub: str = ""
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of each row is its head.

    Attributes:
        caption: What it holds.
        columns: Heads.
        rows: Cells, as many in each row as there are columns.
        heat: Whether it is a map of many short cells, whose heads of columns stand upright.
        ordered: Whether the order of its rows says something, so that a reader should not be offered another one.
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    heat: bool = False
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """One point of a chart.

    Attributes:
        row: The row in which it stands.
        value: Where it stands.
        lo: Lower end of its interval, or None where there is none.
        hi: Upper end.
        series: What tells it from other marks of the row, by shape and colour.
        note: What is said of it beside that, for readers who cannot see it.
        toy: Whether it is of a scripted or embedded model; drawn hollow.
        anchor: Anchor of the run.
    """

    row: str
    value: float
    lo: float | None = None
    hi: float | None = None
    series: str = ""
    note: str = ""
    toy: bool = False
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Points with intervals along one axis, a row for each run.

    Attributes:
        title: What it shows.
        x: Title of the axis: what is measured, with unit and denominator.
        marks: The points, rows in the order in which they come.
        alt: What a reader who cannot see it is told, in a sentence or two.
        domain: Ends of the axis, or None to fit the marks.
        rule: Where a line of reference stands, for example the best trivial answer.
        rule_label: What that line is.
        percent: Whether values are shares, shown in percent.
    """

    title: str
    x: str
    marks: Sequence[Mark]
    alt: str
    domain: tuple[float, float] | None = None
    rule: float | None = None
    rule_label: str = ""
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """One token in a picture of a cut.

    Attributes:
        text: Its bytes, made visible: white space as marks, bytes of a split character as hexadecimal digits.
        id: Its id, or None.
        partial: Whether it is no valid UTF-8 alone.
        marked: Whether it is the one that the picture is about.
        between: Whether it stands between tokens and is none.
    """

    text: str
    id: int | None = None
    partial: bool = False
    marked: bool = False
    between: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A text cut into tokens.

    Attributes:
        title: What is cut.
        pieces: Its tokens in order.
        note: What a reader should see in it.
    """

    title: str
    pieces: Sequence[Piece]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """A part that is folded away: a summary, and text that is shown as code.

    Attributes:
        summary: What it is.
        code: The text.
        anchor: For links to it.
        run: Anchor of the run that it is of.
    """

    summary: str
    code: str
    anchor: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Attributes:
        anchor: Its id.
        title: Its title.
        intro: What to know before reading it.
        tables: Its tables.
        details: Parts that are folded away.
        details_title: What they are.
        charts: Drawn where the extra ``report`` is installed; every number in them stands in a table too.
    """

    anchor: str
    title: str
    intro: str = ""
    tables: Sequence[Table] = ()
    details: Sequence[Detail] = ()
    details_title: str = ""
    charts: Sequence[Chart] = ()


@dataclass(frozen=True, slots=True)
class Portrait:
    """What there is to say of one tokenizer or one model, whatever the suite.

    Attributes:
        anchor: Its id.
        title: The tokenizer or the model.
        facts: Names and values.
        pictures: Telling texts, cut into tokens.
        tables: What its runs found.
        runs: Names and anchors of its runs.
    """

    anchor: str
    title: str
    facts: Sequence[tuple[str, str]] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    runs: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Facets:
    """What a reader can choose runs by.

    Attributes:
        anchor: Anchor of the run.
        backend: Backend of its tokenizer.
        family: Family of its tokenizer.
        ids: Number of ids of its tokenizer, or None.
        model: Its model, empty for a tokenizer alone.
        suite: Suite and version.
        text: Everything that a search looks at.
    """

    anchor: str
    backend: str = ""
    family: str = ""
    ids: int | None = None
    model: str = ""
    suite: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the numbers of one run come from.

    Attributes:
        anchor: Anchor of the run.
        title: The run.
        command: The command that makes it again.
        facts: Names and values of its record, those left out that all runs of the page or of its group share.
        complete: Whether it is finished.
        href: Where its files lie beside the page, or nothing.
    """

    anchor: str
    title: str
    command: str
    facts: Sequence[tuple[str, str]]
    complete: bool
    href: str = ""


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group of runs, ready to be shown.

    Attributes:
        anchor: Its id.
        heading: Its title.
        sub: What its runs share, in a line.
        lines: For each run its name, a sentence, and its anchor.
        sections: What its suite shows.
        shared: Names and values of records that all its runs have in common, those of the whole page left out.
    """

    anchor: str
    heading: str
    sub: str
    lines: Sequence[tuple[str, str, str]]
    sections: Sequence[Section]
    shared: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A report.

    Attributes:
        title: Its title.
        date: End of the newest run.
        version: Versions of tokbench that measured.
        groups: What can stand side by side.
        notes: What a reader has to know: runs that were left out or are not finished.
        provenance: One entry a run.
        shared: Names and values of records that all runs have in common.
        tokenizers: One part for each tokenizer.
        models: One part for each model.
        telling: Titles of the pictures of tokenizers, with what to see in each.
        facets: What each run can be chosen by.
        downloads: Names of files beside the page that hold the same numbers.
    """

    title: str
    date: str
    version: str
    groups: Sequence[GroupView] = ()
    notes: Sequence[str] = ()
    provenance: Sequence[Provenance] = ()
    shared: Sequence[tuple[str, str]] = ()
    tokenizers: Sequence[Portrait] = ()
    models: Sequence[Portrait] = ()
    facets: Sequence[Facets] = ()
    downloads: Sequence[str] = ()
    telling: Sequence[tuple[str, str]] = ()
