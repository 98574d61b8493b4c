"""Runs pieces of Python in processes of their own, for what may end or hang one."""

import os
import signal
import subprocess
import sys
import textwrap
import time

START = """
import os, signal, sys, threading, time
import numpy as np
import hornbeam as hb
from hornbeam import _core, layers as L, ops

def net(units=3, d=4, **options):
    m = hb.Sequential([hb.Input((d,)), L.Dense(units, activation="softmax")])
    m.compile("sgd", "sparse_categorical_crossentropy", **options)
    return m

def until_interrupted(work):  # bounded generously, for machines under load
    print("ready", flush=True)
    try:
        work()
    except KeyboardInterrupt:
        late = time.time() - float(open(os.environ["SENT"]).read())
        assert late < 10, f"{late} s late"
        return
    raise SystemExit("it was not interrupted")
"""


def start(*pieces, sent="", **environment):
    """A process that runs pieces of a script, with a small model at hand."""
    return subprocess.Popen(
        [sys.executable, "-c", "\n".join(map(textwrap.dedent, (START, *pieces)))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SENT": str(sent), **environment},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells have jobs behind them ignore it
    )


def finish(process, seconds=60):
    """Its output, once it has ended well."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"it hangs: {process.communicate()}") from None
    assert process.returncode == 0 and "terminate" not in err, f"code {process.returncode}\n{out}\n{err[-4000:]}"
    return out


def run(*pieces, seconds=60, **environment):
    """The output of the script."""
    return finish(start(*pieces, **environment), seconds)


def run_interrupted(script, tmp_path, signals=(signal.SIGINT,), seconds=0.5, **environment):
    """The same, with signals sent one after another once it has said that it is ready."""
    sent = tmp_path / "sent"
    process = start(script, sent=sent, **environment)
    line = process.stdout.readline()
    assert line == "ready\n", (line, process.communicate())
    for which in signals:
        time.sleep(seconds)
        sent.write_text(repr(time.time()))
        os.kill(process.pid, which)
    return finish(process)
