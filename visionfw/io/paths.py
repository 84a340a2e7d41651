"""Paths as users write them, and the folder that decoded images and downloads are cached in."""

from __future__ import annotations

import os
import re
from pathlib import Path

from visionfw.errors import RequestError


def user_path(text: str | Path) -> Path:
    """Return a path with ~ and ~user expanded. Raises RequestError if there is no such user."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise RequestError(f"{text}: there is no such user's folder") from error


def folder_name(text: str, max_length: int = 80) -> str:
    """Return a text as the name of a folder: letters, digits, '.', '-' and '_', each run of others as one '_'."""
    return re.sub(r"[^\w.-]+", "_", text).strip("_.")[:max_length]


def cache_folder(folder: str | Path | None = None) -> Path:
    """Return the cache folder: `folder` if given, else $VISIONFW_CACHE, else the platform's user cache folder.

    The latter is ~/.cache/visionfw (or $XDG_CACHE_HOME/visionfw) on Linux, ~/Library/Caches/visionfw on macOS, and
    %LOCALAPPDATA%\\visionfw\\Cache on Windows.
    """
    explicit = folder or os.environ.get("VISIONFW_CACHE")
    if explicit:
        return user_path(explicit)
    from platformdirs import user_cache_path

    return user_cache_path("visionfw", appauthor=False)
