"""Reading files: what is missing, damaged or hostile is refused by the right exception, before it costs anything."""

import json
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from model_files import config, functions, join, meta, seal, split, with_meta

import hornbeam as hb
from hornbeam import _core
from hornbeam import layers as L


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A file of a small model that was trained."""
    path = tmp_path_factory.mktemp("model") / "m.hornbeam"
    m = hb.Sequential([hb.Input((3,)), L.Dense(4, "relu"), L.Dense(2)])
    m.compile("sgd", "mse")
    m.fit(np.ones((4, 3), "float32"), np.ones((4, 2), "float32"), verbose=0)
    m.save(path)
    return path.read_bytes()


def tiny(change=lambda header: None, data=bytes(128)):
    """A file of two tensors, a and b, with a change."""
    described = {"format": "hornbeam", "format_version": "1", "checksum": "00000000", "data_checksum": "00000000"}
    described.update(functions="{}", variables='["a","b"]', trainable="[true,false]")
    header = {"__metadata__": described}
    for i, name in enumerate("ab"):
        header[name] = {"dtype": "F32", "shape": [16], "data_offsets": [64 * i, 64 * i + 64]}
    change(header)
    return join(header, data)


@pytest.fixture
def refused(tmp_path):
    def check(raw, match=None, read_only=False):
        path = tmp_path / "bad.hornbeam"
        path.write_bytes(raw)
        with pytest.raises(hb.FormatError, match=match) as e:
            _core.read_model(str(path))
        assert "bad.hornbeam" in str(e.value) and len(str(e.value)) < 2000
        for load in () if read_only else (hb.load_model, hb.Sequential([hb.Input((3,)), L.Dense(4)]).load_weights):
            with pytest.raises(hb.FormatError):
                load(path)

    return check


MISSING = """
import os, sys, hornbeam as hb
os.chdir(sys.argv[1])
model = hb.load_model("m.hornbeam")
os.mkfifo("fifo")
os.symlink("nowhere", "dangling")
os.symlink("loop", "loop")
os.truncate(os.open("large", os.O_CREAT | os.O_WRONLY), 10**11)  # takes no room on the disk
if os.getuid() == 0:
    os.setuid(65534)  # root reads everything
os.path.exists("m.hornbeam") or sys.exit("the folder cannot be read")
for name, error in [
    ("missing", FileNotFoundError), ("dangling", FileNotFoundError), ("", FileNotFoundError),
    ("m.hornbeam/x", NotADirectoryError), (".", IsADirectoryError), ("secret", PermissionError), ("loop", OSError),
    ("x" * 256, OSError), ("fifo", hb.FormatError), ("/dev/zero", hb.FormatError), ("/dev/null", hb.FormatError),
    ("/proc/self/status", hb.FormatError), ("large", hb.FormatError), ("a\\0b", ValueError),
]:
    for load in (hb.load_model, model.load_weights):
        try:
            load(name)
        except error as e:
            assert not isinstance(e, OSError) or e.errno, name
            continue
        sys.exit(f"{name}: no error")
"""


def test_fault_27_what_is_missing_unreadable_or_no_file(tmp_path, raw):
    (tmp_path / "m.hornbeam").write_bytes(raw)
    (tmp_path / "secret").write_bytes(raw)
    (tmp_path / "secret").chmod(0)
    tmp_path.chmod(0o755)
    subprocess.run([sys.executable, "-c", MISSING, str(tmp_path)], check=True, timeout=120)


def test_fault_28_truncated_at_every_byte(tmp_path, raw):
    path = tmp_path / "m.hornbeam"
    path.write_bytes(raw)
    for n in reversed(range(len(raw))):
        os.truncate(path, n)
        with pytest.raises(hb.FormatError):
            _core.read_model(str(path))
    path.write_bytes(raw + b"\0")
    with pytest.raises(hb.FormatError, match=r"bytes of data"):
        _core.read_model(str(path))


def test_fault_28_a_file_that_shrinks_while_it_is_read(tmp_path):
    path = tmp_path / "m.hornbeam"
    _core.write_model(str(path), {}, [("v", _core.Variable("v", np.ones(2**24, "float32")))], {})
    whole = path.read_bytes()
    for delay in (0.0, 0.002, 0.01, 0.03):
        path.write_bytes(whole)
        timer = threading.Timer(delay, os.truncate, (path, 2**20))
        timer.start()
        try:
            assert len(_core.read_model(str(path))[1]) == 1
        except hb.FormatError as e:
            assert "truncated" in str(e) or "bytes" in str(e)
        timer.join()


def test_fault_29_a_flipped_bit_in_every_byte(tmp_path, raw):
    path = tmp_path / "m.hornbeam"
    path.write_bytes(raw)
    fd = os.open(path, os.O_WRONLY)
    for i, byte in enumerate(raw):
        os.pwrite(fd, bytes([byte ^ (1 << (i % 8))]), i)
        with pytest.raises(hb.FormatError):
            _core.read_model(str(path))
        os.pwrite(fd, bytes([byte]), i)
    os.close(fd)
    assert len(_core.read_model(str(path))[1]) > 4


def test_fault_30_header_lengths(refused, raw):
    for n in (0, 1, 2, len(raw) - 7, 10**6, 10**9, 2**28, 2**28 + 1, 2**31, 2**32, 2**63, 2**64 - 1):
        refused(n.to_bytes(8, "little") + raw[8:])
    for head in (b"{}", b"{", b"[]", b'{"__metadata__":{}}', b'{"checksum":"'):
        refused(len(head).to_bytes(8, "little") + head)


def test_fault_31_tensors_overlap_or_leave_holes(refused):
    def offsets(name, begin, end):
        return tiny(lambda h: h[name].update(data_offsets=[begin, end]))

    refused(offsets("b", 0, 64), "overlaps")
    refused(offsets("b", 32, 96), "overlaps")
    refused(tiny(lambda h: h["b"].update(data_offsets=[128, 192]), bytes(192)), "hole")
    refused(offsets("b", 128, 64), r"\[128,64\)")
    refused(offsets("b", 64, 192), r"\[64,192\)")
    refused(offsets("a", -64, 0), r"\[-64,0\)")
    refused(offsets("a", 0, 60), "60 bytes")
    refused(tiny(data=bytes(132)), "132 bytes of data")
    refused(tiny(data=bytes(124)), "of 124")
    for bad in ([0], [0, 64, 64], "0,64", None, [0, "64"], [0.0, 64.0], [0, 2**64]):
        refused(tiny(lambda h, bad=bad: h["a"].update(data_offsets=bad)), 'tensor "a"')


def test_fault_32_shapes_that_do_not_fit_the_bytes(refused):
    for shape in (
        [15],
        [17],
        [4, 5],
        [-16],
        [-4, -4],
        [2**62],
        [2**62, 8],
        [2**40, 2**40],
        [2**64],
        [1] * 10**6,
        [16.0],
    ):
        refused(tiny(lambda h, shape=shape: h["a"].update(shape=shape)), 'tensor "a"')
    for shape in (16, "16", None, {"0": 16}, [[16]], ["16"], [True]):
        refused(tiny(lambda h, shape=shape: h["a"].update(shape=shape)), 'tensor "a"')
    refused(tiny(lambda h: h["a"].update(dtype="BOOL", shape=[64]), b"\2" + bytes(127)), "a bool must be 0 or 1")


def test_fault_33_names_and_dtypes(refused):
    head = json.dumps(split(tiny())[0], separators=(",", ":")).encode()
    for old, new, match in [
        (b'"b":', b'"a":', 'JSON key "a" appears twice'),
        (b'"shape":', b'"dtype":"F32","shape":', 'JSON key "dtype" appears twice'),
        (b'"b":', b'"\xff":', "UTF-8"),
        (b'"b":', b'"\xed\xa0\x80":', "UTF-8"),
        (b'"b":', b'"\\u0000":', "NUL"),
        (b'"b":', b'"\\ud800":', "UTF-8"),
        (b'"F32"', b'"F33"', "unknown dtype"),
        (b'"F32"', b'"float32"', "unknown dtype"),
        (b'"F32"', b"7", "a dtype must be a string"),
        (b'"b":{', b'"b":[],"c":{', "no object"),
    ]:
        assert old in head, old
        refused(seal(head.replace(old, new, 1), bytes(128)), match)
    for key, value, match in [
        ("variables", '["a","c"]', 'variable "c" has no tensor'),
        ("variables", '["a","a"]', 'variable "a" is listed twice'),
        ("variables", '["a",7]', "a variable's name must be a string"),
        ("variables", '{"a":"b"}', "must be a list"),
        ("variables", None, '"variables" is missing'),
        ("trainable", "[true]", "2 variables and 1 flags"),
        ("trainable", "[true,0]", "must be true or false"),
        ("trainable", "[true,null]", "must be true or false"),
        ("functions", "[]", "must be an object"),
    ]:
        refused(with_meta(tiny(), **{key: value}), match)


def test_fault_34_deep_long_and_many(refused, tmp_path, raw):
    def inside(text):
        return tiny(lambda h: h["__metadata__"].update(functions=text))

    deep = "[" * 200_000
    refused(
        seal(json.dumps(split(tiny())[0], separators=(",", ":"))[:-1].encode() + b',"x":' + deep.encode(), b""), "deep"
    )
    refused(inside(deep), "deep")
    refused(inside('{"a":' * 65 + "1" + "}" * 65), "deep")
    refused(inside("[" + "0," * 10**7 + "0]"), "more than 2097152 values", read_only=True)
    refused(
        inside('{"f":{"nodes":[{"op":"' + "x" * 10**8 + '"}],"inputs":[],"outputs":[],"updates":[]}}'),
        r"node 0 \(x{60}\): there is no op",
        read_only=True,
    )
    refused(inside('{"f":"' + "x" * 10**8), "does not end", read_only=True)
    for bad in (deep, "{", "nan", '{"model":1,"model":2}', "[" * 900 + "]" * 900, '"' + "x" * 10**6 + '"'):
        path = tmp_path / "deep.hornbeam"
        path.write_bytes(with_meta(raw, config=bad))
        with pytest.raises(hb.FormatError, match="its config does not describe a model") as e:
            hb.load_model(path)
        assert len(str(e.value)) < 2000


def _graph_faults():
    """(what is changed in predict's graph of a matmul and its like, what the message says)"""

    def node(i, **changes):
        return lambda g: g["nodes"][i].update(changes)

    def attrs(op, **changes):
        return lambda g: next(n for n in g["nodes"] if n["op"] == op)["attrs"].update(changes)

    yield node(-1, **{"in": [[99, 0], [0, 0]]}), r"node \d+ \(\w+\): no earlier node makes value \[99,0\]"
    yield lambda g: g["nodes"][-1].update({"in": [[len(g["nodes"]) - 1, 0]]}), "no earlier node makes"  # itself
    yield lambda g: g["nodes"].insert(0, g["nodes"].pop()), r"node 0 \(\w+\): no earlier node"  # a later one
    yield node(-1, **{"in": [[-1, 0]]}), "no earlier node"
    yield node(-1, **{"in": [[0, 1]]}), "no earlier node"
    yield node(-1, **{"in": [[2**64, 0]]}), "a node must be an integer of 64 bits"
    yield node(-1, **{"in": [[0]]}), "must be a list of two"
    yield node(-1, **{"in": []}), r"node \d+ \(\w+\)"
    yield node(-1, op="os.system"), r'node \d+ \(os.system\): there is no op named "os.system"'
    yield node(-1, op="fused"), r"node \d+ \(fused\): the op may not stand in a file"
    yield node(-1, op=7), "an op must be a string"
    for version in (0, -1, -(2**63)):
        yield node(-1, version=version), "an op's version is 1 or more"
    yield node(-1, version=99), "version 99 of the op needs a newer Hornbeam"
    yield node(-1, version="1"), "a version must be an integer"
    yield node(-1, attrs={"surprise": 1}), "the op has no parameter `surprise`"
    yield attrs("matmul", transpose_a=1), r"\(matmul\): parameter `transpose_a` must be true or false"
    yield attrs("matmul", transpose_b=True), r"\(matmul\)"
    yield attrs("variable", index=99), r"\(variable\): there is no variable 99"
    yield attrs("variable", index=-1), "there is no variable -1"
    yield lambda g: g["outputs"].append(g["outputs"][0]), 'function "predict": two outputs are named "y0"'
    yield lambda g: g["outputs"].clear(), 'function "predict": the function has no outputs'
    yield lambda g: g["outputs"].append(["z", [99, 0]]), "no earlier node"
    yield lambda g: g["outputs"].append(["z"]), "must be a list of two"
    yield lambda g: g["inputs"].append("more"), "2 inputs are named, and 1 nodes are inputs"
    yield lambda g: g["inputs"].clear(), r"node 0 \(input\): the input has no name"
    yield lambda g: g.update(inputs=g["inputs"] * 2, nodes=[g["nodes"][0], *g["nodes"]]), "."
    yield (
        lambda g: g.update(nodes=[{**g["nodes"][0]}, {**g["nodes"][0]}], inputs=["x", "x"], outputs=[["y", [0, 0]]]),
        ('two inputs are named "x"'),
    )
    yield lambda g: g["updates"].append([99, [0, 0]]), "there is no variable 99"
    yield lambda g: g["updates"].append([0, [0, 0]]), "[assign]"
    for key in ("nodes", "inputs", "outputs", "updates"):
        yield lambda g, key=key: g.pop(key), f'"{key}" is missing'
        yield lambda g, key=key: g.update({key: 1}), "must be a list"
    for key in ("op", "version", "attrs", "in"):
        yield lambda g, key=key: g["nodes"][-1].pop(key), f'"{key}" is missing'
    yield lambda g: g["nodes"][0].update(shape=["99999999999999999999"]), "bad dimension"
    yield lambda g: g["nodes"][0].update(shape=["1"] * 13), "more than 12 axes"
    yield lambda g: g["nodes"][0].update(dtype="f33"), r"node 0 \(input\)"


@pytest.mark.parametrize("i", range(len(list(_graph_faults()))))
def test_fault_35_graphs_that_do_not_hold_together(refused, raw, i):
    change, match = list(_graph_faults())[i]
    found = functions(raw)
    change(found["predict"])
    refused(with_meta(raw, functions=found), match)


def test_fault_35_updates_and_layers_of_one_name(refused, tmp_path, raw):
    found = functions(raw)
    found["train"]["updates"].append(found["train"]["updates"][0])
    refused(with_meta(raw, functions=found), "is updated twice")
    x = hb.Input((3,))
    m = hb.Model(x, L.Dense(3, name="two")(L.Dense(3, name="one")(x)))
    m.save(tmp_path / "f.hornbeam")
    good = (tmp_path / "f.hornbeam").read_bytes()
    for body, bad in ((config(raw), raw), (config(good), good)):
        layers = body["model"]["config"]["layers"]
        for key in ("name", "config"):
            layers[-1][key] = layers[-2].get(key)
        (tmp_path / "f.hornbeam").write_bytes(with_meta(bad, config=body))
        with pytest.raises(hb.FormatError, match="layers"):
            hb.load_model(tmp_path / "f.hornbeam")


def test_fault_38_versions(refused, tmp_path, raw):
    refused(
        with_meta(raw, format_version="2", hornbeam_version="7.8"),
        r"version 2 needs a newer Hornbeam: 7\.8 wrote it; this one, \d+\.\d+\.\d+, reads versions up to 1",
    )
    refused(with_meta(raw, format_version="99999", hornbeam_version=None), "version 99999 needs a newer Hornbeam")
    for bad in ("0", "-1", "x", "1.5", "", "1 1", "99999999999999999999"):
        refused(with_meta(raw, format_version=bad))
    refused(with_meta(raw, format="other"), "no Hornbeam file")
    (tmp_path / "new").write_bytes(with_meta(raw, kind="sounds"))
    for load in (hb.load_model, hb.Sequential([hb.Input((3,)), L.Dense(4)]).load_weights):
        with pytest.raises(hb.FormatError, match="'sounds', which needs a newer Hornbeam"):
            load(tmp_path / "new")
    # What the first version wrote.
    old = hb.load_model(os.path.join(os.path.dirname(__file__), "first.hornbeam"))
    np.testing.assert_array_equal(old.get_weights()[0], np.float32([[0.5, -1.5], [2.0, 0.25]]))
    assert int(old.optimizer.iterations.numpy()) == 1
    old.fit(np.ones((2, 2), "float32"), np.ones((2, 2), "float32"), verbose=0)


HOOKED = """
import sys, hornbeam as hb
model = hb.load_model(sys.argv[1])  # what is imported late is imported now
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args)) if event != "object.__getattr__" else None)
model = hb.load_model(sys.argv[1])
try:
    hb.load_model(sys.argv[2])
except hb.FormatError:
    pass
for event, args in seen:
    assert event.split(".")[0] not in ("open", "import", "exec", "compile", "os", "subprocess", "socket", "pickle"), (event, args)
print([n for n, _ in hb._core.read_model(sys.argv[1])[1]][-1])
"""


def test_fault_39_nothing_outside_the_file_is_asked_for(tmp_path, raw):
    outside = "../../../../../../../../etc/passwd"
    header, data = split(raw)
    described = header["__metadata__"]
    names = json.loads(described["variables"])
    header[outside] = header.pop(names[-1])
    described["variables"] = json.dumps([*names[:-1], outside])
    body = config(raw)
    body["model"]["config"]["name"] = outside
    body["model"]["module"] = "antigravity"
    described["user.config"] = json.dumps(body)
    described["user.weights"] = "file://" + outside
    (tmp_path / "m.hornbeam").write_bytes(join(header, data))
    body["model"]["config"]["layers"][-1]["config"]["kernel_initializer"] = {
        "module": "os", "class_name": "system", "config": {"command": "touch gone"}, "registered_name": "os>system",
    }  # fmt: skip
    described["user.config"] = json.dumps(body)
    (tmp_path / "bad.hornbeam").write_bytes(join(header, data))
    out = subprocess.run(
        [sys.executable, "-c", HOOKED, tmp_path / "m.hornbeam", tmp_path / "bad.hornbeam"],
        check=True, capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert out.stdout.strip() == outside and sorted(os.listdir(tmp_path)) == ["bad.hornbeam", "m.hornbeam"]


class _Evil:
    def __reduce__(self):
        return os.mkdir, ("gone",)


def test_fault_40_other_formats(refused, tmp_path, monkeypatch, raw):
    monkeypatch.chdir(tmp_path)
    for protocol in range(6):
        refused(pickle.dumps(_Evil(), protocol), "Hornbeam file|truncated")
        refused(pickle.dumps({"weights": np.ones(9)}, protocol), "no Hornbeam file")
    assert not (tmp_path / "gone").exists()
    for start in (
        b"PK\3\4",
        b"\x89HDF\r\n\x1a\n",
        b"GGUF\3\0\0\0",
        b"\x1f\x8b\x08",
        b"\x93NUMPY",
        b"{",
        b"\0" * 8,
        b"\xff" * 9,
    ):
        refused(start + bytes(100), "no Hornbeam file")
    refused(b"")
    header, data = split(raw)
    del header["__metadata__"]["format"]
    refused(join(header, data), '"format" is missing')  # another's safetensors
    assert "format" in meta(raw)
