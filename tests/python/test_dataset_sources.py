"""Data sets of files: tables of text, arrays of NumPy's and MNIST's formats, lists of paths, and elements kept in a file."""

import csv
import gzip
import locale
import os
import pathlib
import struct

import numpy as np
import pytest

from hornbeam.data import Dataset, TensorSpec
from hornbeam.data.pipeline.records import decode, encode


def plain(x):
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, tuple):
        return tuple(plain(i) for i in x)
    return x.tolist() if isinstance(x, (np.ndarray, np.generic)) else x


def elements(ds):
    return [plain(x) for x in ds.as_numpy_iterator()]


# ---- paths ----
def test_lists_of_files(tmp_path):
    for name in ("b.txt", "a.txt", "c.csv"):
        (tmp_path / name).write_text(name)
    pattern = str(tmp_path / "*.txt")
    assert elements(Dataset.list_files(pattern, shuffle=False)) == [str(tmp_path / n) for n in ("a.txt", "b.txt")]
    several = Dataset.list_files([tmp_path / "*.csv", pattern], seed=1)
    assert sorted(elements(several)) == [str(tmp_path / n) for n in ("a.txt", "b.txt", "c.csv")]
    assert len({tuple(elements(several)) for _ in range(20)}) > 1
    read = Dataset.list_files(pattern, shuffle=False).map(lambda path: pathlib.Path(path).read_text(), 2)
    assert elements(read) == ["a.txt", "b.txt"]
    with pytest.raises(ValueError, match="no file matches"):
        Dataset.list_files(str(tmp_path / "*.png"))


# ---- text ----
TABLE = 'a,b,name,"big, one",f\n1,2.5,x,3000000000,\n-2,1e3,"y, ""z""",4,7\n'


def test_tables(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    ds = Dataset.from_csv(str(path))
    assert ds.element_spec == {
        "a": TensorSpec((), "int32"),
        "b": TensorSpec((), "float32"),
        "name": TensorSpec((), "string"),
        "big, one": TensorSpec((), "int64"),
        "f": TensorSpec((), "float32"),
    }
    first, second = elements(ds)
    assert np.isnan(first.pop("f")) and first == {"a": 1, "b": 2.5, "name": "x", "big, one": 3000000000}
    assert second == {"a": -2, "b": 1000.0, "name": 'y, "z"', "big, one": 4, "f": 7.0}
    chosen = Dataset.from_csv(path, columns=["b", "a"], dtypes={"a": "float64"}, label="a")
    assert elements(chosen) == [({"b": 2.5}, 1.0), ({"b": 1000.0}, -2.0)]
    assert chosen.element_spec[1] == TensorSpec((), "float64")


def test_tables_without_header_of_several_files(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text(f"{i};{i / 2};true\r\n\r\n{i + 10};;False\r\n")
    ds = Dataset.from_csv(str(tmp_path / "*.txt"), delimiter=";", header=False, dtypes={"2": bool})
    assert [e["0"] for e in elements(ds)] == [0, 10, 1, 11, 2, 12]
    assert [e["2"] for e in elements(ds)] == [True, False] * 3
    named = Dataset.from_csv(str(tmp_path / "1.txt"), ["i", "half", "bool"], "string", None, ";", False)
    assert elements(named)[1] == {"i": "11", "half": "", "bool": "False"}
    batch = next(ds.batch(4).as_numpy_iterator())
    assert batch["1"].dtype == np.float32 and batch["1"].shape == (4,)


def test_an_empty_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")
    assert len(Dataset.from_csv(path)) == 0


@pytest.mark.parametrize(
    "text,options,what",
    [
        ("a,b\n1,2,3\n", {}, "row 2: 2 fields were expected"),
        ("a,b\n1\n", {}, "2 fields"),
        ("a,a\n1,2\n", {}, "different names"),
        ("a,b\n1,x\n", {"dtypes": "float32"}, "column 'b' is not of dtype float32"),
        ("a,b\n1,\n", {"dtypes": {"b": "int32"}}, "column 'b'"),
        ("a\n3000000000\n", {"dtypes": "int32"}, "column 'a'"),
        ("a\n1\n", {"columns": ["c"]}, "no column 'c'"),
        ("a\n1\n", {"label": "c"}, "`label` must be a column"),
        ("a\n1\n", {"delimiter": ",,"}, "one character"),
        ('a,b\n"1,2\n', {}, "no such table"),
        (b"a,b\n\xff,2\n", {}, "no such table"),
    ],
)
def test_what_is_no_table(tmp_path, text, options, what):
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=what):
        Dataset.from_csv(path, **options)


def test_numbers_with_underscores_are_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id\n1_000\n2\n")
    assert elements(Dataset.from_csv(path)) == [{"id": "1_000"}, {"id": "2"}]


# ---- arrays ----
def test_npy_files_are_mapped(tmp_path):
    x, y = np.arange(12, dtype="float32").reshape(4, 3), np.arange(4)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    ds = Dataset.from_npy({"x": tmp_path / "x.npy", "y": str(tmp_path / "y.npy")})
    assert elements(ds) == [{"x": a.tolist(), "y": int(b)} for a, b in zip(x, y)]
    mapped = ds._node.arrays["x"]
    assert isinstance(mapped, np.memmap) or isinstance(mapped.base, np.memmap)
    batch = next(ds.shuffle(seed=1).batch(3).as_numpy_iterator())
    assert batch["x"].shape == (3, 3) and batch["x"][0].tolist() in x.tolist()


def test_what_is_no_npy_file(tmp_path):
    np.save(tmp_path / "o.npy", np.array([{}, []], object), allow_pickle=True)
    np.save(tmp_path / "x.npy", np.arange(100))
    whole = (tmp_path / "x.npy").read_bytes()
    for name, data in (("o.npy", None), ("half.npy", whole[:300]), ("text.npy", b"hello"), ("empty.npy", b"")):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=f"{name} is no .npy file"):
            Dataset.from_npy(tmp_path / name)


def idx(a, kind):
    head = struct.pack(">HBB", 0, kind, a.ndim) + struct.pack(f">{a.ndim}I", *a.shape)
    return head + a.astype(a.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize(
    "dtype,kind", [("uint8", 8), ("int8", 9), ("int16", 11), ("int32", 12), ("float32", 13), ("float64", 14)]
)
def test_idx_files(tmp_path, dtype, kind):
    x = (np.arange(24).reshape(4, 3, 2) * 5 - 40).astype(dtype)
    (tmp_path / "x-idx3").write_bytes(idx(x, kind))
    (tmp_path / "x-idx3.gz").write_bytes(gzip.compress(idx(x, kind)))
    both = Dataset.from_idx((tmp_path / "x-idx3", str(tmp_path / "x-idx3.gz")))
    assert both.element_spec == (TensorSpec((3, 2), dtype),) * 2
    assert elements(both) == [(i.tolist(), i.tolist()) for i in x]


def test_what_is_no_idx_file(tmp_path):
    good = idx(np.arange(6, dtype="uint8").reshape(2, 3), 8)
    packed = gzip.compress(good)
    huge = struct.pack(">HBB", 0, 8, 3) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1)
    for name, data in (
        ("short", good[:-1]),
        ("long", good + b"x"),
        ("head", good[:6]),
        ("kind", b"\0\0\x0a" + good[3:]),
        ("empty", b""),
        ("cut.gz", packed[:-9]),
        ("plain.gz", good),
        ("bomb.gz", gzip.compress(good + bytes(10**6))),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=f"{name} is no IDX file"):
            Dataset.from_idx(tmp_path / name)
    (tmp_path / "huge").write_bytes(huge)
    with pytest.raises(MemoryError):
        Dataset.from_idx(tmp_path / "huge")


# ---- caches ----
def counted(calls):
    def f(x):
        calls.append(int(x))
        return np.asarray(x) * 2

    return f


@pytest.mark.parametrize("kind", ["indexed", "stream"])
@pytest.mark.parametrize("where", ["memory", "file"])
def test_caches_call_once(tmp_path, kind, where):
    calls = []
    source = Dataset.range(6) if kind == "indexed" else Dataset.from_generator(lambda: range(6))
    path = str(tmp_path / "kept") if where == "file" else None
    ds = source.map(counted(calls)).map(np.negative).cache(path)
    it = ds.as_numpy_iterator()
    assert [int(next(it)) for _ in range(2)] == [0, -2]
    del it
    calls.clear()
    assert elements(ds) == [-2 * i for i in range(6)]
    assert sorted(set(calls)) >= [2, 3, 4, 5]
    assert where == "memory" or os.listdir(tmp_path) == ["kept"]
    calls.clear()
    assert elements(ds) == elements(ds) == [-2 * i for i in range(6)] and calls == []
    if kind == "indexed":
        shuffled = ds.shuffle(seed=1)
        assert elements(shuffled) != elements(shuffled) and calls == []
    if where == "file":
        other = Dataset.range(0).cache(path)
        assert len(other) == 6 and elements(other) == elements(ds)
        assert sorted(elements(other.shuffle(seed=3))) == sorted(elements(ds))


@pytest.mark.parametrize("make", [lambda d: d, lambda d: d.filter(lambda x: True), lambda d: d.batch(2)])
def test_what_is_kept_cannot_be_changed(make):
    def spoil(x):
        x = np.array(x, copy=False) if isinstance(x, np.ndarray) else np.asarray(x)
        x += 1
        return x

    kept = make(Dataset.from_generator(lambda: (np.zeros(2) for _ in range(4)))).cache()
    indexed = make(Dataset.range(4).map(lambda x: np.zeros(2))).cache()
    for ds in (kept, indexed, indexed.batch(2), Dataset.from_tensors(np.zeros(2))):
        for _ in range(2):
            assert all(np.all(x == 1) for x in ds.map(spoil).as_numpy_iterator())


def test_objects_that_are_no_text_are_refused():
    with pytest.raises(TypeError, match="real numbers, bools and strings"):
        Dataset.from_tensor_slices(np.array(["a", None, 1.5], object))


def test_a_cache_keeps_the_first_pass_whichever_asks():
    ds = Dataset.range(30).shuffle(seed=2)
    kept = ds.cache()
    assert elements(kept) == elements(kept) == elements(Dataset.range(30).shuffle(seed=2))
    half = Dataset.range(30).shuffle(seed=2).cache()
    half.restore({**half.state(), "epoch": 5, "element": 10})
    assert elements(half) == elements(kept)[10:]


def test_a_file_that_was_not_finished_gets_no_name(tmp_path):
    ds = Dataset.range(5).map(np.negative).cache(tmp_path / "kept")
    next(ds.as_numpy_iterator())
    assert not (tmp_path / "kept").exists()
    del ds
    assert os.listdir(tmp_path) == []


def test_records():
    for x in (
        (1, "a", b"\xff\0", None, {"k": np.arange(6, dtype="uint16").reshape(2, 3)}),
        {"text": np.array([["a", "b"], ["", "\u00e9"]], object), "bytes": np.array([b"x", b"yy"])},
        (np.float32(np.nan), np.zeros((0, 3)), True, np.array(["aa", "b"])),
        (),
    ):
        assert repr(plain(decode(encode(x)))) == repr(plain(x))
    record = encode((np.arange(3), "a"))
    for wrong in (b"", record[:-1], record + b"x", record[:10], record[:4] + b"[" * 100000, b"\xff" * 30):
        with pytest.raises(ValueError, match="damaged"):
            decode(wrong)
    for said in (
        b'["array","|O",[1]]',
        b'["array","<f4",[-1]]',
        b'["array","<f4",[99999999999]]',
        b'["what"]',
        b"3",
        b'{"a":1}',
    ):
        with pytest.raises(ValueError, match="damaged"):
            decode(len(said).to_bytes(4, "little") + said)


def test_what_is_no_cache(tmp_path):
    list(Dataset.range(3).cache(tmp_path / "good"))
    good = (tmp_path / "good").read_bytes()
    for wrong in (b"", b"hello", good[:-1], good[:20], b"X" + good[1:], good[:-8] + (9).to_bytes(8, "little")):
        (tmp_path / "bad").write_bytes(wrong)
        with pytest.raises(ValueError, match="bad is no file that `cache` wrote"):
            Dataset.range(3).cache(tmp_path / "bad")


# ---- the core's reader beside Python's csv and float ----
def random_field(choose):
    kind = choose.integers(0, 12)
    if kind < 4:
        return str(choose.integers(-(10 ** int(choose.integers(1, 18))), 10 ** int(choose.integers(1, 18))))
    if kind < 7:
        return repr(float(choose.normal() * 10.0 ** choose.integers(-300, 300)))
    if kind < 9:
        return f"{choose.normal() * 10.0 ** choose.integers(-3, 9):.{int(choose.integers(0, 17))}f}"
    odd = ["", "nan", "-inf", "+5", " 7 ", ".5", "5.", "-0", "-0.0", "1e400", "1e-400", "9223372036854775807"]
    odd += ["9223372036854775808", "-9223372036854775808", "000012", "1e5", "1E+05", "123456789012345678901234567890.5"]
    return str(choose.choice(odd))


@pytest.mark.parametrize("seed", range(6))
def test_numbers_are_those_that_python_reads(tmp_path, seed):
    choose = np.random.default_rng(seed)
    fields = [random_field(choose) for _ in range(3000)]
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{f},x\n" for f in fields))
    got = Dataset.from_csv(path, columns=["a"], dtypes="float64")._node.arrays["a"]
    expected = np.array([float(f or "nan") for f in fields])
    assert np.array_equal(got, expected, equal_nan=True)


@pytest.mark.parametrize(
    "wrong", ["1_0", "0x1", "nan(1)", "--1", "+-1", "1 2", "e5", ".", "-", "+", "1e", "infx", "1,5", "\u0665"]
)
def test_what_python_reads_as_no_number(tmp_path, wrong):
    path = tmp_path / "t.csv"
    path.write_text(f'a\n1\n"{wrong}"\n', encoding="utf-8")
    assert elements(Dataset.from_csv(path)) == [{"a": "1"}, {"a": wrong}]
    with pytest.raises(ValueError, match="column 'a' is not of dtype float64"):
        Dataset.from_csv(path, dtypes="float64")


@pytest.mark.parametrize("seed", range(12))
def test_text_is_what_python_reads(tmp_path, seed):
    choose = np.random.default_rng(seed)
    letters = ["a", "b", " ", ",", "\n", "\r\n", '"', '""', "\u00e9", ";", "\0"]
    rows = [["".join(choose.choice(letters, choose.integers(0, 6))) for _ in range(3)] for _ in range(50)]
    path, delimiter = tmp_path / "t.csv", ",;\t"[seed % 3]
    with open(path, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f, delimiter=delimiter, lineterminator=["\n", "\r\n"][seed % 2], quoting=csv.QUOTE_ALL)
        writer.writerows([["x", "y", "z"], *rows])
    got = Dataset.from_csv(path, dtypes=str, delimiter=delimiter)
    assert [list(e.values()) for e in elements(got)] == rows


@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1, -(10**18) - 1, 10**18 + 1, -(10**17) - 1])
def test_ints_of_64_bits_keep_every_digit(tmp_path, value):
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n{value},{'-' * (value < 0)}00000000000000000000{abs(value)}\n")
    made = Dataset.from_csv(path)._node.arrays
    assert {k: (a.dtype.name, a.tolist()) for k, a in made.items()} == dict.fromkeys("ab", ("int64", [value]))


@pytest.mark.parametrize(
    ("dtype", "field"),
    [("int64", "9223372036854775808"), ("int64", "-9223372036854775809"), ("int64", "1e19"), ("int64", "inf")]
    + [("int32", "2147483648"), ("uint8", "-1"), ("uint8", "256"), ("int64", "0.5"), ("int64", "")],
)
def test_ints_that_the_dtype_does_not_hold(tmp_path, dtype, field):
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n1,x\n{field},x\n")
    with pytest.raises(ValueError, match=f"column 'a' is not of dtype {dtype}"):
        Dataset.from_csv(path, dtypes={"a": dtype})


def test_ints_beside_floats_are_refused_where_they_lose_digits(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a\n1e3\n9007199254740993\n")
    with pytest.raises(ValueError, match="column 'a' is not of dtype int64"):
        Dataset.from_csv(path, dtypes="int64")
    path.write_text("a\n1e3\n9007199254740991\n")
    assert [e["a"] for e in elements(Dataset.from_csv(path, dtypes="int64"))] == [1000, 2**53 - 1]


def test_a_first_line_that_says_nothing_of_the_others(tmp_path):
    """Memory is had for as many rows as there can be: with 300 columns not for one at each byte."""
    path = tmp_path / "t.csv"
    row = ",".join(["12345678"] * 300)
    path.write_text(f'\n\n{row}\n"5"{row[8:]}\n')
    made = Dataset.from_csv(path, header=False)._node.arrays
    assert len(made) == 300 and made["0"].tolist() == [12345678, 5]


@pytest.mark.parametrize(
    ("options", "why"),
    [({"columns": "ab"}, "a list of different names"), ({"columns": ["a", "a"]}, "a list of different names")]
    + [({"dtypes": "bfloat16"}, "no bfloat16"), ({"dtypes": {"a": "bfloat16"}}, "no bfloat16")],
)
def test_tables_that_cannot_be_had(tmp_path, options, why):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=why):
        Dataset.from_csv(path, **options)


def test_numbers_beyond_doubles_where_points_are_commas(tmp_path):
    path, before = tmp_path / "t.csv", locale.setlocale(locale.LC_NUMERIC)
    path.write_text("a\n1.5e400\n-2.5e-400\n1.5\n")
    try:
        locale.setlocale(locale.LC_NUMERIC, "de_DE.UTF-8")
    except locale.Error:
        pytest.skip("there is no such locale here")
    try:
        assert Dataset.from_csv(path)._node.arrays["a"].tolist() == [np.inf, 0, 1.5]
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)


def test_a_large_table_is_read_in_pieces(tmp_path):
    n, path = 300000, tmp_path / "t.csv"
    rows = [f"{i},{i / 7:.6f},{'' if i % 1000 else i},w{i % 5}\n" for i in range(n)]
    path.write_text("i,r,m,w\n" + "".join(rows))
    assert path.stat().st_size > 5 * 2**20
    made = Dataset.from_csv(path)._node.arrays
    assert np.array_equal(made["i"], np.arange(n, dtype="int32"))
    assert np.array_equal(made["r"], np.array([float(f"{i / 7:.6f}") for i in range(n)], "float32"))
    assert np.isnan(made["m"]).sum() == n - n // 1000 and made["m"][5000] == 5000
    assert made["w"].tolist() == [f"w{i % 5}" for i in range(n)]
    rows[250000] = "1,2,3\n"
    path.write_text("i,r,m,w\n" + "".join(rows))
    with pytest.raises(ValueError, match="row 250002: 4 fields were expected. Received: 3"):
        Dataset.from_csv(path)


def test_a_column_that_is_text_in_one_file_is_in_all(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("\ufeffa,b\nx,2.5\n", encoding="utf-8")
    assert elements(Dataset.from_csv(str(tmp_path / "*.csv"))) == [{"a": "1", "b": 2.0}, {"a": "x", "b": 2.5}]


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_are_a_table_or_an_error(tmp_path, seed):
    choose, path = np.random.default_rng(seed), tmp_path / "t.csv"
    for _ in range(25):
        path.write_bytes(
            bytes(choose.choice(list(b'1,2"\n\r.-ea\xc3\xa9\x00'), choose.integers(0, 40)).astype("uint8"))
        )
        for header in (True, False):
            try:
                ds = Dataset.from_csv(path, header=header)
            except ValueError as e:
                assert str(e)
            else:
                assert all(len(e) == len(ds.element_spec) for e in elements(ds))
