"""Keep secrets and traces of a user's machine out of records."""

from __future__ import annotations

import getpass
import os
import platform
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import urlsplit

__all__ = ["Scrubber", "scrub"]

_SECRET_NAME = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL)S?(?![A-Z])", re.IGNORECASE)
_MIN_SECRET = 6  # shorter values ("1", "false") are settings; replacing them would damage the record
_MIN_NAME = 3
_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>]+")
_PATH = re.compile(r"(?<![\w./\\~-])(?:/(?!/)|~[\w-]*/|[A-Za-z]:[\\/]|\\\\)[^\s'\":;,?=<>|]*")
_PATH_ARGUMENT = re.compile(r"((?:--?[\w-]+=)?(?:[a-z_]+:)?)([/~](?!/)[^?,]*)(.*)\Z", re.DOTALL)
_COMMON = frozenset(
    re.findall(
        r"\S+",
        "admin bench build builder ci circleci codespace core debian default docker ec2-user exactness jenkins "
        "jovyan linux localhost main model nobody node none python root runner test tester tokbench tokenizer "
        "ubuntu user vagrant vscode",
    )
)
"""Names of users and machines that say nothing about anybody, and are words of a record too."""


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no entry for this user id, as in many containers
        return ""


class Scrubber:
    """Replaces what must not be published, by words that say what stood there.

    Args:
        environ: Environment; values of variables named like keys, tokens, secrets and passwords are removed.
        home: Home directory.
        user: Name of the user.
        host: Name of the machine.
        roots: Directories to which paths may be written relatively (the checkout, the working directory).
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        home: Path | None = None,
        user: str | None = None,
        host: str | None = None,
        roots: tuple[Path, ...] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        secrets = {
            value: name for name, value in sorted(environ.items()) if _SECRET_NAME.search(name)
            and len(value) >= _MIN_SECRET
        }  # fmt: skip
        self._secrets = sorted(secrets.items(), key=lambda pair: (-len(pair[0]), pair))
        directory = str(Path.home() if home is None else home).rstrip("/\\")
        self._home = re.compile(rf"{re.escape(directory)}(?![\w-])") if len(directory) > 1 else None
        self._roots = (Path.cwd(),) if roots is None else roots
        self._names: list[tuple[re.Pattern[str], str]] = []
        host = platform.node() if host is None else host
        for names, word in (((_user() if user is None else user,), "<user>"), ((host, host.split(".")[0]), "<host>")):
            for name in names:
                if len(name) >= _MIN_NAME and name.lower() not in _COMMON:
                    self._names.append((re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE), word))

    def text(self, text: str) -> str:
        """Remove secrets, the home directory, and the names of user and machine; all else stays."""
        for value, name in self._secrets:
            text = text.replace(value, f"<{name}>")
        if self._home is not None:
            text = self._home.sub("~", text)
        for pattern, word in self._names:
            text = pattern.sub(word, text)
        return text

    def argument(self, argument: str) -> str:
        """One argument of a command line; an absolute path may hold spaces here."""
        if found := _PATH_ARGUMENT.match(argument):
            return self.text(found[1]) + self.text(self.path(found[2])) + self.command(found[3])
        return self.command(argument)

    def command(self, text: str) -> str:
        """Like :meth:`text`; of a URL only scheme and host stay, of a path what is below a root, or its last part."""
        parts, end = [], 0
        for found in _URL.finditer(text):
            parts += [self._paths(text[end : found.start()]), _host_only(found[0])]
            end = found.end()
        return self.text("".join([*parts, self._paths(text[end:])]))

    def _paths(self, text: str) -> str:
        return _PATH.sub(lambda found: self.path(found[0]), text)

    def path(self, path: str) -> str:
        """A path relative to a root, or else its last part only."""
        if path.startswith("~"):
            return PurePosixPath(path).name or "~"
        if "\\" in path or path[1:2] == ":":
            return PureWindowsPath(path).name
        for root in self._roots:
            for base in {root, root.resolve()}:
                if str(base) != base.anchor and Path(path).is_relative_to(base):
                    return Path(path).relative_to(base).as_posix()
        return PurePosixPath(path).name or "/"

    def record(self, value: object) -> object:
        """:meth:`text` on every string of a JSON value, keys included."""
        return _walk(value, self.text)


def _host_only(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}"


def _walk(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(str(name)): _walk(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, change) for item in value]
    return value


def scrub(value: object) -> object:
    """Any JSON value without secrets, home directory, user name and machine name of this process."""
    return Scrubber().record(value)
