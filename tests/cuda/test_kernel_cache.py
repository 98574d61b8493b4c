"""Compiled kernels on disk: found by other processes, made again when they are not what they should be."""

import os
import shutil
import subprocess
import sys

import pytest
from compile_kernels import fnv1a

OPS = ("exp", "sin", "cos", "tanh", "sqrt", "negative", "square", "abs")  # a kernel each, one for each of DAMAGES
SCRIPT = f"""
import numpy as np, hornbeam as hb
with hb.device("gpu"):
    for name in {OPS}:
        y = getattr(hb.ops, name)(np.arange(5, dtype="float32"))
        print(np.asarray(y).tobytes().hex())
"""


def start(**changes):
    """A process that runs the ops; a variable that is None is not set."""
    env = {k: v for k, v in {**os.environ, **changes}.items() if v is not None}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    """What it computed."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert len(out.split()) == len(OPS)
    return out


def run(folder, **changes):
    """What a process with this cache computes."""
    return finish(start(HB_CACHE_DIR=str(folder), **changes))


def contents(folder):
    """The bytes of all that lies in a folder, by name."""
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def written(folder):
    """Which files these are: one that is written again is another."""
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in folder.iterdir()}


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A cache that has the kernels, and what they compute."""
    folder = tmp_path_factory.mktemp("kernels") / "not" / "there" / "yet"
    answer = run(folder)
    assert len(contents(folder)) >= max(len(OPS), len(DAMAGES))
    assert all(name.endswith(".kernel") for name in contents(folder))
    return folder, answer


@pytest.fixture
def cache(full, tmp_path):
    """A copy of it."""
    return shutil.copytree(full[0], tmp_path / "kernels")


def test_another_process_compiles_nothing(full):
    folder, answer = full
    before = written(folder)
    assert run(folder) == answer
    assert written(folder) == before


def summed(body):
    """A file that says that it is whole."""
    return body + fnv1a(body).encode()


def of_another_compiler(file):
    return summed(file[:-16].replace(b"NVRTC ", b"NVRTC 9", 1))


def with_a_length_beyond_its_end(file):
    magic, _, rest = file[:-16].split(b"\n", 2)
    return summed(b"\n".join((magic, b"999999999999999999", rest)))


DAMAGES = (
    lambda file: b"",
    lambda file: file[: len(file) // 2],
    lambda file: file[:-1],
    lambda file: file + b"0",
    lambda file: file[: len(file) // 2] + bytes([file[len(file) // 2] ^ 1]) + file[len(file) // 2 + 1 :],
    lambda file: file.replace(b"kernel 1", b"kernel 0", 1),
    of_another_compiler,
    with_a_length_beyond_its_end,
)


def test_a_damaged_file_is_made_again(full, cache):
    whole, before = contents(cache), {}
    for damage, (name, file) in zip(DAMAGES, whole.items()):
        damaged = damage(file)
        assert damaged != file
        (cache / name).write_bytes(damaged)
        before[name] = damaged
    assert run(cache) == full[1]
    after = contents(cache)
    assert after.keys() == whole.keys()
    for name, damaged in before.items():
        assert after[name] != damaged, f"a file is still as it was damaged: {damaged[:200]!r}"
    assert after == whole


def test_the_sum_of_a_file_is_what_the_tests_take_it_for(cache):
    for file in contents(cache).values():
        assert summed(file[:-16]) == file


def test_the_kernel_of_another_key_is_not_taken(full, cache):
    whole = contents(cache)
    names = sorted(whole)
    for name, other in zip(names, names[1:] + names[:1]):
        (cache / name).write_bytes(whole[other])
    assert run(cache) == full[1]
    assert contents(cache) == whole


def test_where_nothing_can_be_written_kernels_are_compiled_each_time(full, tmp_path):
    file = tmp_path / "file"
    file.write_text("no folder")
    assert run(file / "kernels") == full[1]
    assert file.read_text() == "no folder"


def test_a_folder_without_the_right_to_write(full, tmp_path):
    tmp_path.chmod(0o555)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("this user may write anywhere")
    assert run(tmp_path) == full[1]
    tmp_path.chmod(0o755)
    assert not contents(tmp_path)


def test_a_name_that_is_taken_is_left_alone(full, cache):
    name = min(contents(cache))
    (cache / name).unlink()
    (cache / name).mkdir()
    before = written(cache)
    assert run(cache) == full[1]
    assert written(cache) == before  # and nothing half written is left


def test_processes_may_fill_a_cache_at_once(full, tmp_path):
    processes = [start(HB_CACHE_DIR=str(tmp_path / "kernels")) for _ in range(4)]
    assert [finish(p) for p in processes] == [full[1]] * 4
    before = written(tmp_path / "kernels")
    assert contents(tmp_path / "kernels") == contents(full[0])
    assert run(tmp_path / "kernels") == full[1]
    assert written(tmp_path / "kernels") == before


def test_an_empty_name_turns_the_cache_off(full, tmp_path):
    assert run("", XDG_CACHE_HOME=str(tmp_path / "cache"), HOME=str(tmp_path)) == full[1]
    assert not list(tmp_path.rglob("*.kernel"))


@pytest.mark.parametrize(
    ("variable", "folder"), [("XDG_CACHE_HOME", "hornbeam"), ("HOME", ".cache/hornbeam")], ids=["XDG", "home"]
)
def test_without_a_name_it_is_where_caches_are(full, tmp_path, variable, folder):
    environment = {"XDG_CACHE_HOME": None, "HOME": None, variable: str(tmp_path), "HB_CACHE_DIR": None}
    assert finish(start(**environment)) == full[1]
    assert contents(tmp_path / folder) == contents(full[0])
