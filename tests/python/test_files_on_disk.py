"""get_file and archives: the cache, hashes, downloads that fail, and archives that are meant to do harm."""

import gzip
import hashlib
import http.server
import io
import os
import pathlib
import stat
import tarfile
import threading
import urllib.request
import warnings
import zipfile

import pytest

import hornbeam as hb
from hornbeam.utils import archives
from hornbeam.utils.archives import extract_archive
from hornbeam.utils.downloads import hash_file, validate_file

CONTENT = b"Float like a butterfly, sting like a bee.\n"
SHA = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def origin(tmp_path):
    (tmp_path / "away").mkdir()
    (tmp_path / "away/text.txt").write_bytes(CONTENT)
    return (tmp_path / "away/text.txt").as_uri()


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def tar_of(path, *members, mode="w"):
    """A tar of (name, bytes or None for a folder), or of TarInfos."""
    with tarfile.open(path, mode) as t:
        for m in members:
            if isinstance(m, tarfile.TarInfo):
                t.addfile(m)
                continue
            info = tarfile.TarInfo(m[0])
            info.type, info.size = (tarfile.DIRTYPE, 0) if m[1] is None else (tarfile.REGTYPE, len(m[1]))
            t.addfile(info, io.BytesIO(m[1] or b""))
    return path


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


# ---- the cache ----


def test_a_file_is_fetched_once(origin, home, tmp_path, capsys):
    path = hb.utils.get_file(origin=origin)
    assert path == str(home / "datasets/text.txt")
    assert pathlib.Path(path).read_bytes() == CONTENT
    assert "Downloading data from file:" in capsys.readouterr().out
    (tmp_path / "away/text.txt").unlink()
    assert hb.utils.get_file(origin=origin) == path
    assert hb.utils.get_file("text.txt", origin, file_hash=SHA) == path
    assert capsys.readouterr().out == ""
    assert names(home) == ["datasets", "datasets/text.txt"]


@pytest.mark.parametrize("how", [{"file_hash": SHA}, {"file_hash": MD5}, {"md5_hash": MD5}, {"file_hash": SHA.upper()}])
def test_the_right_hash(origin, how):
    assert hash_file(hb.utils.get_file("a", origin, **how)) == SHA


@pytest.mark.parametrize(
    "how", [{"file_hash": "0" * 64}, {"md5_hash": "0" * 32}, {"file_hash": MD5, "hash_algorithm": "sha256"}]
)
def test_a_wrong_hash_leaves_nothing(origin, home, how):
    with pytest.raises(ValueError, match="Incomplete or corrupted file detected"):
        hb.utils.get_file("a", origin, **how)
    assert names(home) == ["datasets"]


def test_what_changed_is_fetched_anew(origin, tmp_path):
    path = hb.utils.get_file("a", origin)
    (tmp_path / "away/text.txt").write_bytes(b"other")
    new = hashlib.sha256(b"other").hexdigest()
    assert validate_file(hb.utils.get_file("a", origin), SHA)
    assert hb.utils.get_file("a", origin, file_hash=new) == path and validate_file(path, new)
    (tmp_path / "away/text.txt").write_bytes(CONTENT)
    assert validate_file(hb.utils.get_file("a", origin, force_download=True), SHA)


def test_a_file_of_another_hash_serves_without_a_network(origin, home, tmp_path):
    """As what was put there by hand does, where the original is gone."""
    path = hb.utils.get_file("a", origin)
    (tmp_path / "away/text.txt").unlink()
    with pytest.warns(UserWarning, match="a is used although its hash is not 0000"):
        assert hb.utils.get_file("a", origin, file_hash="0" * 64) == path
    assert pathlib.Path(path).read_bytes() == CONTENT


def test_a_file_that_changed_to_something_wrong_keeps_the_old_one(origin, tmp_path):
    path = hb.utils.get_file("a", origin)
    (tmp_path / "away/text.txt").write_bytes(b"wrong")
    with pytest.raises(ValueError, match="does not match the provided value"):
        hb.utils.get_file("a", origin, file_hash="0" * 64)
    assert pathlib.Path(path).read_bytes() == CONTENT


@pytest.mark.parametrize("url", ["file:///no/such/file.txt", "http://127.0.0.1:9/file.txt", "no url at all"])
def test_what_cannot_be_fetched_says_where_to_put_it(url, home):
    with pytest.raises(
        OSError, match=rf"URL fetch failure on {url}.*Without a network, put that file at {home}/datasets/a$"
    ):
        hb.utils.get_file("a", url)
    assert names(home) == ["datasets"]


def test_a_connection_that_ends_early(monkeypatch, home):
    class Response(io.BytesIO):
        headers = {"Content-Length": "100"}

    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Response(CONTENT))
    with pytest.raises(OSError, match="the connection ended after 42 of 100 bytes"):
        hb.utils.get_file("a", "http://example.com/a")
    assert names(home) == ["datasets"]


BAD_ANSWERS = {
    "/words": b"hello\r\n\r\n",
    "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "/cut": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
    "/headers": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
}


@pytest.fixture
def server(tmp_path):
    """A web server of a folder."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=tmp_path / "away")

        def do_GET(self):
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("Location", "/text.txt")
                self.end_headers()
            elif self.path == "/inside":
                self.send_response(302)
                self.send_header("Location", "file:///etc/passwd")
                self.end_headers()
            elif self.path in BAD_ANSWERS:
                self.wfile.write(BAD_ANSWERS[self.path])
            else:
                super().do_GET()

        def log_message(self, *_): ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as s:
        thread = threading.Thread(target=s.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{s.server_address[1]}"
        s.shutdown()
        thread.join()


def test_a_server(origin, server, home, capsys):
    assert pathlib.Path(hb.utils.get_file(origin=server + "/text.txt", file_hash=SHA)).read_bytes() == CONTENT
    assert "42/42" in capsys.readouterr().out
    assert pathlib.Path(hb.utils.get_file("b", server + "/elsewhere")).read_bytes() == CONTENT
    with pytest.raises(OSError, match="URL fetch failure on .*/none: 404 -- File not found. Without a network"):
        hb.utils.get_file("c", server + "/none")
    with pytest.raises(OSError, match="URL fetch failure on .*/inside: 302"):
        hb.utils.get_file("d", server + "/inside")
    assert names(home / "datasets") == ["b", "text.txt"]


@pytest.mark.parametrize("path", BAD_ANSWERS)
def test_what_is_no_answer(server, home, path):
    with pytest.raises(OSError, match=f"URL fetch failure on {server}{path}: .*Without a network, put that file at"):
        hb.utils.get_file("a", server + path)
    assert names(home) == ["datasets"]
    (home / "datasets" / "a").write_bytes(CONTENT)
    with pytest.warns(UserWarning, match="is used although its hash is not"):
        assert hb.utils.get_file("a", server + path, file_hash="0" * 64) == str(home / "datasets" / "a")


def test_an_interrupt_leaves_nothing(monkeypatch, home):
    class Response(io.BytesIO):
        headers = {}

        def read(self, n=-1):
            raise KeyboardInterrupt

    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Response())
    with pytest.raises(KeyboardInterrupt):
        hb.utils.get_file("a", "http://example.com/a")
    assert names(home) == ["datasets"]


def test_folders(origin, tmp_path, monkeypatch):
    assert hb.utils.get_file("a", origin, cache_dir=tmp_path / "c", cache_subdir="s/t") == str(tmp_path / "c/s/t/a")
    assert hb.utils.get_file("a", origin, cache_subdir=str(tmp_path / "absolute")) == str(tmp_path / "absolute/a")
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert hb.utils.get_file("a", origin) == str(tmp_path / "user/.keras/datasets/a")


def test_a_home_that_cannot_be_written(origin, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert hb.utils.get_file("a", origin, cache_dir=tmp_path / "file") == str(tmp_path / "temporary/.keras/datasets/a")


@pytest.mark.parametrize("fname", ["../a", "/etc/a", "a/b", "..", "."])
def test_names_that_lead_elsewhere(fname, origin):
    with pytest.raises(ValueError, match="`fname` must be a name"):
        hb.utils.get_file(fname, origin)


def test_arguments(origin):
    with pytest.raises(ValueError, match='specify the "origin"'):
        hb.utils.get_file("a")
    with pytest.raises(ValueError, match="names no file"):
        hb.utils.get_file(origin="file:///")
    with pytest.raises(ValueError, match="`hash_algorithm` must be one of"):
        hb.utils.get_file("a", origin, hash_algorithm="crc")
    with pytest.raises(NotImplementedError, match="archive_format='rar'"):
        hb.utils.get_file("a", origin, extract=True, archive_format="rar")


def test_a_name_in_a_url_stays_as_it_is(tmp_path):
    (tmp_path / "a b.txt").write_bytes(CONTENT)
    assert hb.utils.get_file(origin=(tmp_path / "a b.txt").as_uri() + "#y").endswith("/datasets/a%20b.txt")


# ---- archives in the cache ----


@pytest.mark.parametrize(
    "fname, archive, folder",
    [(None, "t.tgz_archive", "t.tgz"), ("name", "name_archive", "name"), ("n.tar.gz", "n.tar.gz", "n_extracted")],
)
def test_names_of_archives(tmp_path, home, fname, archive, folder):
    tar_of(tmp_path / "t.tgz", ("d", None), ("d/a.txt", CONTENT), mode="w:gz")
    url = (tmp_path / "t.tgz").as_uri()
    path = hb.utils.get_file(fname, url, extract=True)
    assert path == str(home / "datasets" / folder)
    assert names(home) == sorted(
        ["datasets", *(f"datasets/{n}" for n in (archive, folder, f"{folder}/d", f"{folder}/d/a.txt"))]
    )
    (tmp_path / "t.tgz").unlink()
    (home / "datasets" / folder / "d/a.txt").write_bytes(b"mine")
    assert hb.utils.get_file(fname, url, untar=True) == path  # is not unpacked again
    assert (home / "datasets" / folder / "d/a.txt").read_bytes() == b"mine"
    (home / "datasets" / archive).unlink()
    assert hb.utils.get_file(fname, url, extract=True) == path  # nor fetched, where the folder alone is left


def test_what_is_no_archive(origin):
    with pytest.warns(UserWarning, match="is not unpacked: it is no archive"):
        hb.utils.get_file("a", origin, extract=True)


def test_fetched_anew_it_is_unpacked_into_what_is_there(tmp_path, home):
    tar_of(tmp_path / "t.tar", ("a", b"1"), ("b/c", b"2"))
    url = (tmp_path / "t.tar").as_uri()
    path = hb.utils.get_file("t", url, extract=True)
    (home / "datasets/t/mine").write_text("kept")
    tar_of(tmp_path / "t.tar", ("a", b"3"), ("b/d", b"4"))
    hb.utils.get_file("t", url, extract=True, force_download=True)
    assert {n: (home / "datasets/t" / n).read_bytes() for n in ("a", "b/c", "b/d", "mine")} == {
        "a": b"3",
        "b/c": b"2",
        "b/d": b"4",
        "mine": b"kept",
    }
    assert names(home / "datasets") == ["t", "t/a", "t/b", "t/b/c", "t/b/d", "t/mine", "t_archive"]
    assert path == str(home / "datasets/t")


# ---- archives ----


@pytest.mark.parametrize("mode, ending", [("w", "tar"), ("w:gz", "tgz"), ("w:bz2", "tar.bz2"), ("w:xz", "tar.xz")])
def test_tars(tmp_path, mode, ending):
    big = os.urandom(5000) * 1000
    a = tar_of(
        tmp_path / f"a.{ending}", ("x/", None), ("x/big", big), ("./y/z", b""), ("\u00e9" * 120, b"long"), mode=mode
    )
    assert extract_archive(a, tmp_path / "out") and extract_archive(str(a), tmp_path / "o/t", ["zip", "tar"])
    for out in (tmp_path / "out", tmp_path / "o/t"):
        assert names(out) == ["x", "x/big", "y", "y/z", "\u00e9" * 120]
        assert (out / "x/big").read_bytes() == big
    assert not extract_archive(a, tmp_path / "no", "zip") and not extract_archive(a, tmp_path / "no", None)
    assert not (tmp_path / "no").exists()


def test_zips(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("x/", "")
        z.writestr("x/big", b"abc" * 10**6)
        z.writestr("y\\z", b"from Windows")
    assert extract_archive(tmp_path / "a.zip", tmp_path / "out")
    assert names(tmp_path / "out") == ["x", "x/big", "y", "y/z"]
    assert (tmp_path / "out/x/big").read_bytes() == b"abc" * 10**6
    assert not extract_archive(tmp_path / "a.zip", tmp_path / "no", "tar")


def test_modes_are_those_of_new_files(tmp_path):
    info = tarfile.TarInfo("a")
    info.mode = 0o4777
    with tarfile.open(tmp_path / "a.tar", "w") as t:
        t.addfile(info)
    extract_archive(tmp_path / "a.tar", tmp_path / "out")
    (tmp_path / "new").write_text("")
    assert (tmp_path / "out/a").stat().st_mode == (tmp_path / "new").stat().st_mode
    (tmp_path / "folder").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "folder").stat().st_mode


OUTSIDE = ["../evil", "a/../../evil", "/tmp/evil", "//evil", "..\\evil", "C:\\evil", "C:evil", "a/..", "\\evil"]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_name_that_leads_outside(tmp_path, name, kind):
    archive = tmp_path / "in" / "evil.x"
    archive.parent.mkdir()
    if kind == "tar":
        tar_of(archive, ("good", b"1"), (name, b"evil"))
    else:
        with zipfile.ZipFile(archive, "w") as z:
            z.writestr("good", "1")
            z.writestr(name, "evil")
    with pytest.raises(ValueError, match="leads out of its folder"):
        extract_archive(archive, tmp_path / "in" / "out")
    assert names(tmp_path) == ["in", "in/evil.x"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_left_out(tmp_path, kind):
    """With what would be written through them."""
    (tmp_path / "secret").write_text("secret")
    tar_of(
        tmp_path / "a.tar", special("link", kind, str(tmp_path / "secret")), ("file", b"1"), special("up", kind, "..")
    )
    what = "link" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else "device"
    with pytest.warns(UserWarning, match=rf"left out of .*a.tar: 'link' \(a {what}\), 'up' \(a {what}\)$"):
        assert extract_archive(tmp_path / "a.tar", tmp_path / "out")
    assert names(tmp_path / "out") == ["file"]


@pytest.mark.filterwarnings("ignore:left out")
def test_a_file_through_a_link(tmp_path):
    (tmp_path / "away").mkdir()
    tar_of(tmp_path / "a.tar", special("d", tarfile.SYMTYPE, "../away"), ("d/evil", b"1"))
    extract_archive(tmp_path / "a.tar", tmp_path / "out")
    assert names(tmp_path / "away") == [] and (tmp_path / "out/d").is_dir() and not (tmp_path / "out/d").is_symlink()


def test_a_link_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        z.writestr(info, "/etc/passwd")
    with pytest.warns(UserWarning, match="'link'"):
        extract_archive(tmp_path / "a.zip", tmp_path / "out")
    assert names(tmp_path / "out") == []


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_bombs(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(archives, "MIN_BYTES", 2**20)
    zeros = bytes(20 * 2**20)
    if kind == "tar":
        tar_of(tmp_path / "bomb", ("a", zeros), mode="w:xz")
    else:
        with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("a", zeros)
    with pytest.raises(ValueError, match="bomb of [0-9]+ bytes unpacks to more than [0-9]+ bytes"):
        extract_archive(tmp_path / "bomb", tmp_path / "out")
    assert names(tmp_path) == ["bomb"]


def test_a_million_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 50)
    tar_of(tmp_path / "a.tar", *((f"f{i}", b"") for i in range(60)))
    with pytest.raises(ValueError, match="more than 50 members"):
        extract_archive(tmp_path / "a.tar", tmp_path / "out")
    assert names(tmp_path) == ["a.tar"]


def test_more_than_the_disk_has(tmp_path, monkeypatch):
    class Usage:
        free = 10

    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage)
    tar_of(tmp_path / "a.tar", ("a", bytes(20)))
    with pytest.raises(OSError, match="more than the 10 bytes that the disk has free"):
        extract_archive(tmp_path / "a.tar", tmp_path / "out")
    assert names(tmp_path) == ["a.tar"]


def test_a_header_as_large_as_memory(tmp_path):
    """tarfile would read it whole: gzip makes 4 GiB of zeros small."""
    info = special("x", tarfile.XHDTYPE)
    info.size = 2**32
    with gzip.open(tmp_path / "a.tgz", "wb") as f:
        f.write(info.tobuf() + bytes(2**20))
    with pytest.raises(ValueError, match="a header of 4294967296 bytes"):
        extract_archive(tmp_path / "a.tgz", tmp_path / "out")
    assert names(tmp_path) == ["a.tgz"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz", "zip"])
def test_truncated(tmp_path, mode):
    path = tmp_path / "a"
    content = os.urandom(10**5)
    if mode == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("big", content)
        data = bytearray(path.read_bytes())
        data[1000:2000] = bytes(1000)  # its directory is at the end
        path.write_bytes(data)
    else:
        tar_of(path, ("small", b"1"), ("big", content), mode=mode)
        path.write_bytes(path.read_bytes()[:50000])
    with pytest.raises(ValueError, match="the archive .*a is damaged"):
        extract_archive(path, tmp_path / "out")
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_bytes_that_changed(tmp_path, mode):
    tar_of(tmp_path / "a", ("big", os.urandom(10**5)), mode=mode)
    good, damaged = (tmp_path / "a").read_bytes(), 0
    for i in (100, 5000, 50000, len(good) - 30):
        (tmp_path / "a").write_bytes(good[:i] + bytes(b ^ 0x55 for b in good[i : i + 20]) + good[i + 20 :])
        try:
            assert not extract_archive(tmp_path / "a", tmp_path / "out")  # its first header is no tar's any more
        except ValueError as e:
            assert f"the archive {tmp_path}/a is damaged" in str(e)
            damaged += 1
        assert names(tmp_path) == ["a"]
    assert damaged >= 2


def test_much_behind_the_end(tmp_path):
    """It would be read for its checksum."""
    tar_of(tmp_path / "a", ("small", b"1"))
    with gzip.open(tmp_path / "b", "wb", 1) as f:
        f.write((tmp_path / "a").read_bytes())
        for _ in range(70):
            f.write(bytes(2**20))
    with pytest.raises(ValueError, match="there is much behind its last member"):
        extract_archive(tmp_path / "b", tmp_path / "out")
    assert names(tmp_path) == ["a", "b"]


def marked(path, *marks):
    """A zip of one file, with bytes set at places behind the first of what stands before them."""
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("a", "x")
    data = bytearray(path.read_bytes())
    for before, offset, value in marks:
        data[data.find(before) + offset] = value
    path.write_bytes(data)


def test_what_no_archive_may_be_is_a_value_error(tmp_path):
    """A password, an unknown compression, and what is a file and a folder at once or lies too deep to be removed."""
    made = tmp_path / "a"
    for match, make in (
        ("is damaged.*password", lambda: marked(made, (b"PK\1\2", 8, 1), (b"PK\3\4", 6, 1))),
        ("is damaged.*compression", lambda: marked(made, (b"PK\1\2", 10, 97), (b"PK\3\4", 8, 97))),
        ("'d/inside' both as a file and as a folder", lambda: tar_of(made, ("d", b"file"), ("d/inside", b"1"))),
        ("'d' both as a file and as a folder", lambda: tar_of(made, ("d/inside", b"1"), ("d", b"file"))),
        ("'.' both as a file and as a folder", lambda: tar_of(made, (".", b"file"))),
        ("below more than 200 folders", lambda: tar_of(made, ("/".join(["d"] * 1500), b"file"))),
    ):
        make()
        with pytest.raises(ValueError, match=match):
            extract_archive(made, tmp_path / "out")
        assert names(tmp_path) == ["a"]
        made.unlink()


def test_no_archive(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no archive"):
        extract_archive(tmp_path / "none", tmp_path / "out")
    assert names(tmp_path) == []


def test_an_empty_tar_and_a_text(tmp_path):
    tar_of(tmp_path / "a.tar")
    assert extract_archive(tmp_path / "a.tar", tmp_path / "out") and names(tmp_path / "out") == []
    for content in (b"", b"text", b"\x1f\x8bno gzip", gzip.compress(b"no tar")):
        (tmp_path / "b").write_bytes(content)
        try:
            assert not extract_archive(tmp_path / "b", tmp_path / "none")
        except ValueError as e:
            assert "is damaged" in str(e)
        assert not (tmp_path / "none").exists()


# ---- the bar ----


def test_progbar(capsys):
    bar = hb.utils.Progbar(4, interval=0, stateful_metrics=["lr"])
    for i in range(4):
        bar.add(1, [("loss", float(i)), ("lr", i)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and "3/4" in lines[2] and "loss: 1.0000 - lr: 2.0000" in lines[2]
    assert "4/4" in lines[3] and "loss: 3.0000" in lines[3]
    quiet = hb.utils.Progbar(None, verbose=0)
    quiet.update(3)
    line = hb.utils.Progbar(None, verbose=2, unit_name="file")
    line.update(1)
    line.update(2, finalize=True)
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and out.startswith("2/Unknown - 0s") and "/file" in out
    hb.utils.Progbar(0).update(0, finalize=True)


@pytest.mark.parametrize("arguments", [{"target": -1}, {"target": 1, "width": 0}, {"target": 1, "interval": -1}])
def test_progbar_refuses(arguments):
    with pytest.raises(ValueError):
        hb.utils.Progbar(**arguments)
    with warnings.catch_warnings(), pytest.raises(ValueError, match="Only one of"):
        hb.utils.Progbar(1, stateful_metrics=[], stateless_metrics=[])
