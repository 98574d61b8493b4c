"""``hb.profile`` of the two large workloads: the tables go to $OUT/profiles.txt, seconds by op to the results."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any

os.environ["HB_DEVICE"] = "gpu"
import large  # noqa: E402
from environment import write  # noqa: E402
from loops import LARGE  # noqa: E402

import hornbeam as hb  # noqa: E402

REPEATS = 5


def main() -> None:
    """Profiles both."""
    toy = "--toy" in sys.argv
    results: dict[str, dict[str, Any]] = {}
    with (pathlib.Path(os.environ["OUT"]) / "profiles.txt").open("w") as out:
        for name in LARGE:
            try:
                model, x, y, batch, precision = large.make(hb, name, toy)
                profile = hb.profile(
                    model, x[:batch], y[:batch], batch_size=batch, repeats=1 if toy else REPEATS, verbose=0
                )
            except Exception as e:  # the other is still of interest
                results[name] = {"problem": f"{type(e).__name__}: {e}"}
                print(f"{name}: {results[name]['problem']}", flush=True)
                continue
            out.write(f"{name}, {precision}\n{profile.table(60)}\n\n")
            by_op: dict[str, float] = {}
            for row in profile.rows:
                by_op[row.op] = by_op.get(row.op, 0.0) + row.seconds
            ordered = dict(sorted(by_op.items(), key=lambda kind: -kind[1]))
            results[name] = {"seconds": profile.seconds, "precision": precision, "by_op": ordered}
            shares = ", ".join(f"{op} {s / profile.seconds:.0%}" for op, s in list(ordered.items())[:8])
            print(f"{name}: {profile.seconds * 1e3:.3g} ms: {shares}", flush=True)
    write("profiles", results)
    sys.exit(any("problem" in found for found in results.values()))


if __name__ == "__main__":
    main()
