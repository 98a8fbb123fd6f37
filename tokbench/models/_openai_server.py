"""Which server is asked, with which key, and what may be said of them: a record names the host and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tokbench.errors import AuthenticationError, OptionError

__all__ = ["DEFAULT_URL", "KEY_VARIABLE", "Server", "find_server"]

DEFAULT_URL = "https://api.openai.com/v1"
"""Where the library sends requests if nobody says otherwise."""

KEY_VARIABLE = "OPENAI_API_KEY"
"""Where the key is, if nobody says otherwise."""

_NO_KEY = "none"
"""Sent to a server of one's own, which asks for no key."""

_SHORT = 5
"""A key of fewer characters is too common a string to be looked for in what a server says."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server and the key for it.

    Attributes:
        url: Base URL of its endpoints.
        host: Host, with the port where it is named: what results may say of the URL.
        variable: Environment variable of the key.
        key: The key; it is no part of the representation.
    """

    url: str = field(repr=False)
    host: str
    variable: str
    key: str = field(repr=False)

    @property
    def path(self) -> str:
        """What stands behind the host in the URL."""
        return urlsplit(self.url).path

    def clean(self, text: str) -> str:
        """Text of the server without the key and the URL."""
        if len(self.key) >= _SHORT and self.key != _NO_KEY:
            text = text.replace(self.key, "***")
        return text.replace(self.url, self.host)

    def cleaned(self, value: object) -> object:
        """A JSON value of the server without the key and the URL."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, Mapping):
            return {self.clean(str(name)): self.cleaned(entry) for name, entry in value.items()}
        if isinstance(value, list | tuple):
            return [self.cleaned(entry) for entry in value]
        return value


def _host(url: str) -> str:
    """Host and port of a URL.

    Raises:
        OptionError: If it is no URL, or holds a user name. The message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = None, None, None
    if parts is None or not host or parts.scheme not in {"http", "https"}:
        raise OptionError("openai: base_url", "...", "a URL such as http://127.0.0.1:8000/v1")
    if "@" in parts.netloc:
        raise OptionError(
            "openai: base_url", f"...@{host}", "a URL without a user name; keys come from the environment"
        )
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def find_server(base_url: str, variable: str | None = None) -> Server:
    """The server at ``base_url``, or else at the one that the environment or the library names.

    Args:
        base_url: Its URL, or ``""``.
        variable: Environment variable of the key; None is the usual one, and then a server other than the library's
            may do without.

    Raises:
        OptionError: If ``base_url`` is no URL.
        AuthenticationError: If there is no key where one is needed, or no header can hold it.
    """
    url = (base_url or os.environ.get("OPENAI_BASE_URL", "").strip()).rstrip("/") or DEFAULT_URL
    host = _host(url)
    needed = variable is not None or host == _host(DEFAULT_URL)
    variable = variable or KEY_VARIABLE
    key = os.environ.get(variable, "").strip()
    if needed and not key:
        raise AuthenticationError(host, "there is no key", variable)
    if not (key.isascii() and key.isprintable()):
        raise AuthenticationError(host, "the key holds characters that no header can hold", variable)
    return Server(url, host, variable, key or _NO_KEY)
