"""Folders of transformers, looked at without the library: whether one can hold a model."""

from __future__ import annotations

from pathlib import Path

from tokbench.errors import ModelFileError

__all__ = ["EXPECTED", "model_folder"]

EXPECTED = "a folder with config.json and weights (safetensors)"


def model_folder(locator: str) -> Path:
    """The folder of a model.

    Raises:
        ModelFileError: If there is no such folder, or no configuration in it.
    """
    folder = Path(locator).expanduser()
    if not (folder / "config.json").is_file():
        found = "no config.json in it" if folder.is_dir() else "no such folder"
        raise ModelFileError(locator, EXPECTED, found)
    return folder
