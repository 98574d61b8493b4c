"""Op cases under NVIDIA's compute-sanitizer: ``sanitize.py memcheck`` (wrong addresses) or ``racecheck`` (races in shared memory).

One case of each op first, then the rest, in groups, until the limit of the part ends it; the results are written after each group.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
import time

from environment import write

HERE = pathlib.Path(__file__).resolve().parent
GROUP = 12
SECONDS = 95  # the last group must have begun before
RACES = re.compile(
    r"^(softmax|layer_norm|batch_norm|sum|mean|max|matmul|conv|lstm|gru|attention|cumsum|sort|top_k|argmax)"
)


def names(tool: str) -> list[str]:
    """Of the cases, one of each op before the others; races are looked for where threads share memory."""
    sys.path.append(str(HERE.parents[1] / "tests/python"))
    import op_cases

    firsts = [c.name for c in op_cases.CASES if c.name.endswith("-0")]
    rest = [c.name for c in op_cases.CASES if not c.name.endswith("-0")]
    every = firsts + rest
    return every if tool == "memcheck" else sorted(every, key=lambda n: not RACES.match(n))


def main() -> None:
    """Runs the groups."""
    tool, todo = sys.argv[1], names(sys.argv[1])
    log = pathlib.Path(os.environ["OUT"]) / f"{tool}.txt"
    results: dict[str, object] = {"of": len(todo), "cases": 0, "errors": []}
    errors: list[str] = []
    start = time.perf_counter()
    with log.open("w") as out:
        for at in range(0, len(todo), GROUP):
            if time.perf_counter() - start > SECONDS:
                break
            group = todo[at : at + GROUP]
            command = [
                "compute-sanitizer",
                "--tool",
                tool,
                "--error-exitcode",
                "9",
                "--print-limit",
                "20",
                sys.executable,
            ]
            command += [str(HERE / "checks.py"), "ops", f"--only={','.join(group)}"]
            env = {**os.environ, "HB_BENCH_PARTS": os.environ["HB_BENCH_PARTS"] + f"/{tool}"}
            done = subprocess.run(command, capture_output=True, text=True, env=env)
            out.write(done.stdout + done.stderr)
            found = re.search(r"(?:ERROR|RACECHECK) SUMMARY: (\d+)", done.stdout + done.stderr)
            if found is None or int(found[1]) or done.returncode:
                problem = f"{found[0] if found else 'no summary'}, exit {done.returncode}"
                errors.append(f"{group[0]} .. {group[-1]}: {problem}")
                print(f"{tool} of {errors[-1]}")
            results.update(cases=at + len(group), errors=errors)
            write(tool, results)
    print(f"{tool}: {results['cases']} of {len(todo)} op cases, {len(errors)} groups with errors")
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
