"""Op cases under NVIDIA's compute-sanitizer: ``sanitize.py memcheck`` (wrong addresses) or ``racecheck`` (races in
shared memory).

One case of each op first, then the rest, in groups of which some run at a time, for as long as there is time; the
results are written after each group.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

from environment import write

HERE = pathlib.Path(__file__).resolve().parent
GROUP = 8
AT_A_TIME = 3
SECONDS = int(os.environ.get("HB_SANITIZE_SECONDS", "85"))  # no group begins after them
RACES = re.compile(r"softmax|norm|sum|mean|max|min|matmul|conv|recurrent|attention|cum|sort|top_k|pool|scatter|gather")
SUMMARY = re.compile(r"(?:ERROR|RACECHECK) SUMMARY: (\d+)[^\n]*")


def names(tool: str) -> list[str]:
    """Of the cases, one of each op before the others; races are looked for where threads share memory."""
    sys.path.append(str(HERE.parents[1] / "tests/python"))
    import op_cases

    firsts = [c.name for c in op_cases.CASES if c.name.endswith("-0")]
    every = firsts + [c.name for c in op_cases.CASES if not c.name.endswith("-0")]
    return every if tool == "memcheck" else sorted(every, key=lambda n: not RACES.search(n))


def run(tool: str, number: int, group: list[str]) -> tuple[str, str]:
    """What the tool printed of a group, and what was wrong."""
    command = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "9", "--print-limit", "20", sys.executable]
    command += [str(HERE / "checks.py"), "ops", f"--only={','.join(group)}"]
    parts = pathlib.Path(os.environ["HB_BENCH_PARTS"]) / "sanitized" / f"{tool}{number}"
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HB_BENCH_PARTS": str(parts)})
    said = done.stdout + done.stderr
    found = SUMMARY.search(said)
    if found and not int(found[1]) and not done.returncode:
        return said, ""
    return said, f"{group[0]} .. {group[-1]}: {found[0] if found else 'no summary'}, exit {done.returncode}"


def main() -> None:
    """Runs the groups."""
    tool = sys.argv[1]
    todo = names(tool)
    groups = [todo[at : at + GROUP] for at in range(0, len(todo), GROUP)]
    end = time.perf_counter() + SECONDS
    cases, errors = 0, []
    log = pathlib.Path(os.environ["OUT"]) / f"{tool}.txt"
    with log.open("w") as out, concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:

        def begin(number: int) -> tuple[str, str] | None:
            return run(tool, number, groups[number]) if time.perf_counter() < end else None

        for group, done in zip(groups, pool.map(begin, range(len(groups))), strict=True):
            if done is None:
                continue
            said, problem = done
            out.write(said)
            cases += len(group)
            if problem:
                errors.append(problem)
                print(f"{tool} of {problem}", flush=True)
            write(tool, {"of": len(todo), "cases": cases, "errors": errors})
    print(f"{tool}: {cases} of {len(todo)} op cases, {len(errors)} groups with errors")
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
