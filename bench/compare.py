"""Compares two models.json: ``python bench/compare.py old.json new.json``. Exits 1 when a figure got worse beyond both spreads."""

from __future__ import annotations

import json
import pathlib
import statistics
import sys


def main() -> int:
    """Prints each change that is larger than the runs' own spreads."""
    old, new = (json.loads(pathlib.Path(p).read_text()) for p in sys.argv[1:3])
    worse = 0
    for key in sorted(set(old) & set(new)):
        a, b = old[key].get("hornbeam"), new[key].get("hornbeam")
        if not a or not b:
            continue
        change = statistics.median(b) / statistics.median(a) - 1
        spread = max((max(v) - min(v)) / statistics.median(v) for v in (a, b))
        if abs(change) > spread:
            print(f"{key}: {change:+.1%} (spread {spread:.1%})")
            worse += change > 0
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
