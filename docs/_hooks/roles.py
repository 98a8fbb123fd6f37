"""An extension of griffe: the roles and literal blocks of our docstrings, as Markdown."""  # noqa: INP001

from __future__ import annotations

import html
import re
from typing import Any

import griffe

__all__ = ["Roles", "translated"]

_ROLE = re.compile(r":(?:class|func|meth|data|attr|mod|exc|obj):`(~?)([^`<>]+)`")
_DOUBLE = re.compile(r"``(.+?)``", re.DOTALL)


def _target(name: str, scope: griffe.Object) -> str:
    """The full name that a role means, seen from the object whose docstring it stands in."""
    if name.startswith("tokbench"):
        return name
    head, dot, rest = name.partition(".")
    try:
        return f"{scope.resolve(head)}{dot}{rest}"
    except griffe.NameResolutionError:
        return name


def translated(text: str, scope: griffe.Object) -> str:
    """A docstring with roles as links where there is something to link to, and literal blocks as code."""

    def link(found: re.Match[str]) -> str:
        short, name = found.groups()
        shown = html.escape(name.rpartition(".")[2] if short else name)
        return f'<autoref optional identifier="{html.escape(_target(name, scope))}"><code>{shown}</code></autoref>'

    text = _ROLE.sub(link, text)
    text = re.sub(r"^::$", "", text, flags=re.MULTILINE)
    text = re.sub(r"::$", ":", text, flags=re.MULTILINE)
    return _DOUBLE.sub(r"`\1`", text)


class Roles(griffe.Extension):
    """Translates every docstring once its package is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:  # noqa: ANN401, the form that griffe calls
        """See :class:`griffe.Extension`."""
        self._translate(pkg)

    def _translate(self, scope: griffe.Object) -> None:
        of_module = scope.is_attribute and scope.parent is not None and scope.parent.is_module
        if scope.docstring is None and of_module and not scope.name.startswith("_"):
            # without a docstring it would be left out, also where a package exports it
            scope.docstring = griffe.Docstring("Its value is its definition.", parent=scope)
        if scope.docstring is not None:
            scope.docstring.value = translated(scope.docstring.value, scope)
        for member in scope.members.values():
            if not member.is_alias:
                self._translate(member)  # type: ignore[arg-type] # no alias
