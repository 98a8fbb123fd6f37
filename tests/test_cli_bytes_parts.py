"""What ``tokbench bytes`` is made of: escapes in arguments, and numbers as they are printed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from tokbench._terminal.bytes_next import bounds, noise, percent
from tokbench.bytelevel import ByteModel
from tokbench.cli._bytes_input import unescaped
from tokbench.errors import TextInputError


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (r"\n\t\r\0\\\'", b"\n\t\r\0\\'"),
        (r"\xC3\xa9\u00e9\U0001F999", b"\xc3\xa9" + "é🦙".encode()),
        ("é\udcff", "é".encode() + b"\xff"),
        ("", b""),
    ],
)
def test_escapes(text: str, data: bytes) -> None:
    assert unescaped(text) == data


@pytest.mark.parametrize("text", ["\\", r"\x4", r"\xg0", r"\u12", r"\ud83d", r"\U00110000", r"\q", "a\\\n"])
def test_bad_escapes_are_refused(text: str) -> None:
    with pytest.raises(TextInputError):
        unescaped(text)


@pytest.mark.parametrize("low", [0.0, 3.14159e-9, 1e-5, 9.9e-5, 1.2345e-4, 0.1, 0.66694, 0.999999])
def test_printed_bounds_are_rounded_outwards(low: float) -> None:
    high = min(1.0, low * 1.001 + 1e-9)
    written = [float(part.removesuffix(" %")) / 100 for part in bounds(low, high).split(" – ")]
    slack = 1e-15  # of the conversions in this test
    assert written[0] <= low + slack
    assert written[1] >= high - slack
    assert written[0] >= low * 0.5 - 1e-4
    assert written[1] <= high * 2 + 1e-4


def test_percent() -> None:
    assert [percent(value) for value in (0.0, 1.0, 0.27781, 2e-5, 1e-12)] == [
        "0 %", "100.00 %", "27.78 %", "2e-03 %", "1e-10 %",
    ]  # fmt: skip


def test_rounding_inside_a_model_widens_what_is_printed() -> None:
    made: Callable[[str], ByteModel] = lambda dtype: cast(  # noqa: E731, as short as its use
        "ByteModel", SimpleNamespace(model=SimpleNamespace(info=SimpleNamespace(dtype=dtype)))
    )
    assert noise(made("float64")) == 1e-12
    assert noise(made("float32")) == 2e-6
