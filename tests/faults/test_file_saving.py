"""Saving: the new file or the old one, whole, whatever happens; and paths of every kind."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from model_files import script, small, value_in

import hornbeam as hb
from hornbeam import _core
from hornbeam import layers as L

FULL = """
import errno, os, resource, sys, numpy as np, hornbeam as hb
path = sys.argv[1]
m = hb.Sequential([hb.Input((300,)), hb.layers.Dense(300)])
before = open(path, "rb").read()
for limit in (0, 1, 4096, 100_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))  # Python ignores SIGXFSZ
    for save in (m.save, m.save_weights, m.export):
        try:
            save(path)
        except OSError as e:
            assert e.errno == errno.EFBIG, e
        else:
            sys.exit("no error")
    assert open(path, "rb").read() == before and os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
m.save(path)
assert len(hb.load_model(path).get_weights()[0]) == 300
"""


def test_fault_41_no_room_for_the_file(tmp_path):
    small().save(tmp_path / "m.hornbeam")
    script(FULL, tmp_path / "m.hornbeam")


FORBIDDEN = """
import errno, os, sys, hornbeam as hb
os.chdir(sys.argv[1])
m = hb.load_model("closed/m.hornbeam")
m.save("open/new")
if os.getuid() == 0:
    os.setuid(65534)  # root writes everywhere
for path, code in (("closed/m.hornbeam", errno.EACCES), ("closed/new", errno.EACCES), ("open/read_only", errno.EACCES)):
    try:
        m.save(path)
    except PermissionError as e:
        assert e.errno == code
    else:
        sys.exit(path + " was written")
m.save("open/mine")
assert sorted(os.listdir("open")) == ["mine", "new", "read_only"] and os.listdir("closed") == ["m.hornbeam"]
"""


def test_fault_41_where_nothing_may_be_written(tmp_path):
    for folder, mode in (("closed", 0o555), ("open", 0o777)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder).chmod(mode if folder == "open" else 0o755)
    small(2.0).save(tmp_path / "closed" / "m.hornbeam")
    (tmp_path / "open" / "read_only").write_bytes(b"mine")
    (tmp_path / "open" / "read_only").chmod(0o444)
    (tmp_path / "closed").chmod(0o555)
    tmp_path.chmod(0o755)
    script(FORBIDDEN, tmp_path)
    assert value_in(tmp_path / "closed" / "m.hornbeam") == 2.0
    assert (tmp_path / "open" / "read_only").read_bytes() == b"mine"
    for missing in (tmp_path / "none" / "m", tmp_path / "open" / "mine" / "m"):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            small().save(missing)


KILLED = """
import os, random, signal, sys, time, hornbeam as hb
path = sys.argv[1]
folder = os.path.dirname(path)
m = hb.load_model(path)
m.save(path)
random.seed(0)
left = 0
for i in range(100):
    children = []
    for _ in range(1 + i % 2):
        pid = os.fork()
        if pid == 0:
            while True:
                m.save(path)
        children.append(pid)
    time.sleep(random.uniform(0, 0.02))
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    left += len(os.listdir(folder)) > 1
    assert hb.load_model(path).count_params() == m.count_params()
print(left, "times a temporary file was left")
if not left:
    sys.exit("no writer was killed while it wrote")
other = path + ".tmp.backup"
open(other, "w").close()
m.save(path)
assert sorted(os.listdir(folder)) == sorted([os.path.basename(path), os.path.basename(other)]), os.listdir(folder)
"""


def test_fault_41_killed_while_saving(tmp_path):
    m = hb.Sequential([hb.Input((300,)), L.Dense(300)])
    m.save(tmp_path / "m.hornbeam")
    script(KILLED, tmp_path / "m.hornbeam")


TWO_WRITERS = """
import os, sys, numpy as np, hornbeam as hb
path = sys.argv[1]
models = [hb.load_model(path), hb.load_model(path)]
for value, m in enumerate(models):
    m.set_weights([np.full_like(w, value) for w in m.get_weights()])
    m.save(path)
writers = []
for m in models:
    pid = os.fork()
    if pid == 0:
        for _ in range(200):
            m.save(path)
        os._exit(0)
    writers.append(pid)
seen = {0.0: 0, 1.0: 0}
while writers:
    weights = np.concatenate([w.ravel() for w in hb.load_model(path).get_weights()])
    assert (weights == weights[0]).all()
    seen[float(weights[0])] += 1
    for pid in list(writers):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert status == 0, status
            writers.remove(pid)
assert min(seen.values()) > 0, seen
assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
"""


def test_fault_42_two_processes_save_one_path(tmp_path):
    hb.Sequential([hb.Input((100,)), L.Dense(100)]).save(tmp_path / "m.hornbeam")
    script(TWO_WRITERS, tmp_path / "m.hornbeam")


def test_temporary_files_in_use_and_files_of_others_stay(tmp_path):
    name = "m.hornbeam.tmp.hb" + "0123456789abcdef"
    for other in (
        name,
        "m.hornbeam.tmp.hb",
        name + "0",
        "m.hornbeam.tmp.hb0123456789ABCDEF",
        "n.hornbeam.tmp.hb" + "0" * 16,
    ):
        (tmp_path / other).write_bytes(b"?")
    os.mkfifo(tmp_path / ("m.hornbeam.tmp.hb" + "1" * 16))
    locked = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); input()",
         tmp_path / name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert locked.stdout.readline()
    before = set(os.listdir(tmp_path))
    small().save(tmp_path / "m.hornbeam")
    assert set(os.listdir(tmp_path)) == before | {"m.hornbeam"}
    locked.communicate(b"\n")
    small().save(tmp_path / "m.hornbeam")
    assert set(os.listdir(tmp_path)) == (before | {"m.hornbeam"}) - {name}


def test_a_save_is_seen_by_readers_all_at_once(tmp_path):
    """One that reads while another saves sees one of the two files: the old one stays as long as it is open."""
    path = tmp_path / "m"
    small(1.0).save(path)
    with open(path, "rb") as f:
        before = f.read(100)
        small(2.0).save(path)
        (tmp_path / "copy").write_bytes(before + f.read())
    assert value_in(tmp_path / "copy") == 1.0 and value_in(path) == 2.0


def test_nothing_is_written_when_the_model_cannot_be(tmp_path):
    path = tmp_path / "m"
    small(3.0).save(path)
    bad = small()
    bad.weights[0]._path = "a\0b"
    for write in (bad.save, bad.save_weights, bad.export):
        with pytest.raises(ValueError, match="UTF-8 without NUL"):
            write(path)
    for name in ("a\0b", "\ud800"):  # found before anything was trained
        with pytest.raises(ValueError, match="`name` must be a string without NUL"):
            L.Dense(2, name=name)
    with pytest.raises(ValueError, match="no weights yet"):
        hb.Sequential([L.Dense(2)]).save(path)
    assert value_in(path) == 3.0 and os.listdir(tmp_path) == ["m"]


def test_layers_of_any_name_come_back(tmp_path):
    """Names that the file's own tensors have, too."""
    for name in ("padding", "constant", "optimizer", "metrics", "other", "\u6a21", "a#1", '"', "{}"):
        m = hb.Sequential([hb.Input((3,)), L.Dense(5, name=name), L.Dense(2, name="a")])
        m.compile("adam", "mse")
        m.fit(np.ones((4, 3), "float32"), np.ones((4, 2), "float32"), verbose=0)
        m.save(tmp_path / "m")
        for a, b in zip(hb.load_model(tmp_path / "m").get_weights(), m.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_signals_do_not_spoil_a_save(tmp_path):
    """A handler that runs often while files are written and read."""
    m = hb.Sequential([hb.Input((700,)), L.Dense(700)])
    hits = []
    before = signal.signal(signal.SIGALRM, lambda *_: hits.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(5):
            m.save(tmp_path / "m")
            assert len(_core.read_model(os.fspath(tmp_path / "m"))[1]) == 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert hits
