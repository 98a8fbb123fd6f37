"""Every choice of the suite is a hash (:mod:`tokbench.suites.hashing`) that begins with the version of the suite."""

from __future__ import annotations

from tokbench.suites.hashing import H, Hasher

__all__ = ["VERSION", "H", "Hasher"]

VERSION = "charbench-1"
"""Version of the suite; part of every hash."""
