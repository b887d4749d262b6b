"""Find the Chromium that the page's tests run in."""

import os
import shutil
from pathlib import Path

_NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
_MAC = ("Google Chrome", "Chromium")


def find_chromium() -> Path | None:
    """Return what ERRAND_CHROMIUM names, else the one on PATH, else the one among a Mac's applications."""
    given = os.environ.get("ERRAND_CHROMIUM")
    if given:
        return Path(given)
    on_path = (shutil.which(name) for name in _NAMES)
    mac = (f"/Applications/{name}.app/Contents/MacOS/{name}" for name in _MAC)
    return next((Path(path) for path in (*on_path, *mac) if path and Path(path).exists()), None)
