"""Memory of this process, as the operating system counts it."""

from __future__ import annotations

import sys


def peak_resident_bytes() -> int | None:
    """Return the largest resident size of this process so far; None on systems that do not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux kibibytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
