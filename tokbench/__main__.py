"""``python -m tokbench``."""

from __future__ import annotations

from tokbench.cli import main

if __name__ == "__main__":
    main()
