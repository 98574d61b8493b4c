"""One framework on one workload, in a process of its own: ``worker.py FRAMEWORK WORKLOAD [--toy]``.

Prints a line of JSON when it has warmed up, then one for each line that it reads: the milliseconds of a step, over a
tenth of a second or so.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from loops import Loop

WARM_SECONDS = 0.5
WINDOW = 0.15


def say(**found: object) -> None:
    """Tells the process that asked."""
    print(json.dumps(found), flush=True)


def timed(loop: Loop, steps: int) -> float:
    """Seconds of a step."""
    start = time.perf_counter()
    done = loop.run(steps)
    return (time.perf_counter() - start) / done


def main() -> None:
    """Makes the loop, and times it when told to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("framework")
    parser.add_argument("workload")
    parser.add_argument("--toy", action="store_true")
    args = parser.parse_args()
    start = time.perf_counter()
    if args.framework == "hornbeam":
        import hornbeam_loop

        make = hornbeam_loop.make
    elif args.framework == "jax":
        import jax_loop

        make = jax_loop.make
    else:
        import torch_loop

        make = lambda workload, toy: torch_loop.make(args.framework, workload, toy)  # noqa: E731
    imported = time.perf_counter()
    loop = make(args.workload, args.toy)
    made = time.perf_counter()
    loop.run(1)
    first = time.perf_counter() - made
    warm = made + first + (0 if args.toy else WARM_SECONDS)
    steps = 1
    while True:
        each = timed(loop, steps)
        if time.perf_counter() > warm:
            break
        steps = min(2 * steps, 64)
    steps = 2 if args.toy else max(2, int(WINDOW / each))
    say(import_s=imported - start, make_s=made - imported, first_s=first, precision=loop.precision)
    for _ in sys.stdin:
        say(ms=timed(loop, steps) * 1e3)


if __name__ == "__main__":
    main()
