"""The program of the child process that :mod:`tokbench.laws._child` starts."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokbench.laws._child import identity
from tokbench.laws.growth import work
from tokbench.tokenizers import Tokenizer, load_tokenizer

_SPARE_ADDRESS_SPACE = 3 * 2**30


def _limit_address_space() -> None:
    """Allow some gigabytes beyond what is in use now; where there are no limits, do without."""
    with contextlib.suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is expected here: no core file
        used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = used + _SPARE_ADDRESS_SPACE
        if hard == resource.RLIM_INFINITY or wanted < hard:
            resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _restore(request: Mapping[str, Any]) -> Tokenizer:
    if request["pickle"] is None:
        return load_tokenizer(request["spec"])
    tokenizer: Tokenizer = pickle.loads(Path(request["pickle"]).read_bytes())  # noqa: S301, the parent just wrote it
    return tokenizer


def main() -> None:
    """Read a request from standard input, do its work, write one line of JSON for each piece."""
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints must not get between the lines

    def tell(message: object) -> None:
        print(json.dumps(message), file=out, flush=True)

    request = json.load(sys.stdin)
    sys.path[:] = list(dict.fromkeys([*sys.path, *request["path"]]))
    try:
        tokenizer = _restore(request)
    except Exception as error:  # noqa: BLE001, whatever goes wrong, the parent has another way
        tell(f"{type(error).__name__}: {error}"[:300])
        return
    tell(identity(tokenizer))
    if identity(tokenizer) == request["identity"]:
        _limit_address_space()
        for piece in request["work"]:
            tell(work(tokenizer, piece))


if __name__ == "__main__":
    main()
