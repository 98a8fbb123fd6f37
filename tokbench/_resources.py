"""Where the data of the project lie: ``suites/`` and ``fixtures/``.

In a checkout (and in an editable install, which points at one) they are top-level folders beside the
package; a wheel carries the same two folders inside the package under ``_data``. Code asks
:func:`resource` and never knows which of the two it got.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tokbench.errors import SuiteDefinitionError

_PACKAGE = Path(__file__).resolve().parent


@cache
def data_root() -> Path:
    """The folder that holds ``suites/`` and ``fixtures/``.

    Raises:
        SuiteDefinitionError: If neither a wheel's nor a checkout's data can be found.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        if (root / "suites").is_dir() and (root / "fixtures").is_dir():
            return root
    raise SuiteDefinitionError(
        str(_PACKAGE), "the folders suites/ and fixtures/ are missing from this installation: reinstall tokbench"
    )


def resource(*parts: str) -> Path:
    """Path of a data file of the project, for example ``resource("suites", "exactness", "suite.toml")``.

    Raises:
        SuiteDefinitionError: If the file does not exist.
    """
    path = data_root().joinpath(*parts)
    if not path.exists():
        raise SuiteDefinitionError("/".join(parts), "this file of the project is missing: reinstall tokbench")
    return path
