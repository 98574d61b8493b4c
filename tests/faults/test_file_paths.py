"""Paths of every kind: links, permissions, what is no file, names of any bytes and any length; and locales."""

import errno
import os
import socket
import stat
import unicodedata

import numpy as np
import pytest
from model_files import script, small, value_in

import hornbeam as hb
from hornbeam import layers as L

MODES = """
import os, sys, hornbeam as hb
os.chdir(sys.argv[1])
m = hb.load_model("m")
for umask in (0o022, 0o077, 0o000, 0o027, 0o777):
    os.umask(umask)
    for mode in (0o600, 0o640, 0o664, 0o666, 0o777, 0o444, 0o400):
        os.chmod("m", mode)
        if os.access("m", os.W_OK):
            m.save("m")
        assert os.stat("m").st_mode & 0o7777 == mode, (umask, mode, os.stat("m").st_mode)
    for save in (m.save, m.save_weights, m.export):
        save("new")
        assert os.stat("new").st_mode & 0o7777 == 0o666 & ~umask, (umask, os.stat("new").st_mode)
        os.remove("new")
    assert os.umask(umask) == umask
"""


def test_permissions_are_kept_or_the_umasks(tmp_path):
    small().save(tmp_path / "m")
    script(MODES, tmp_path)


def test_links_are_followed(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "links").mkdir()
    real, link = tmp_path / "a" / "b" / "real", tmp_path / "links" / "link"
    os.symlink("../a/b/real", link)
    os.symlink(link, tmp_path / "links" / "chain")
    os.symlink(os.path.join("..", "links"), tmp_path / "a" / "folder")
    for value, path in enumerate((link, tmp_path / "links" / "chain", tmp_path / "a" / "folder" / "chain", link)):
        small(value).save(path)  # the first makes the file: the link led nowhere
        assert link.is_symlink() and (tmp_path / "links" / "chain").is_symlink()
        assert value_in(real) == value_in(link) == value and not real.is_symlink()
        assert sorted(os.listdir(tmp_path / "a" / "b")) == ["real"]
        assert sorted(os.listdir(tmp_path / "links")) == ["chain", "link"]
    with open(real, "rb") as f:
        small(9.0).save(f"/proc/self/fd/{f.fileno()}")
    assert value_in(real) == 9.0


def test_what_is_no_regular_file_is_refused_and_left_alone(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    os.symlink("loop", tmp_path / "loop")
    os.symlink("folder", tmp_path / "to_folder")
    os.symlink("fifo", tmp_path / "to_fifo")
    (tmp_path / "folder").mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.fspath(tmp_path / "socket"))
    cases = [("fifo", errno.EINVAL), ("to_fifo", errno.EINVAL), ("socket", errno.EINVAL), ("folder", errno.EISDIR),
             ("to_folder", errno.EISDIR), ("folder/", errno.EISDIR), (".", errno.EISDIR), ("..", errno.EISDIR),
             ("loop", errno.ELOOP), ("none/m", errno.ENOENT), ("fifo/m", errno.ENOTDIR)]  # fmt: skip
    try:
        os.mknod(tmp_path / "full", stat.S_IFCHR | 0o666, os.makedev(1, 7))
        cases.append(("full", errno.EINVAL))
    except PermissionError:  # only root makes devices
        assert os.getuid() != 0
    kinds = {e.name: e.stat(follow_symlinks=False).st_mode for e in os.scandir(tmp_path)}
    for name, code in cases:
        for save in (small().save, small().save_weights, small().export):
            with pytest.raises(OSError) as e:
                save(os.path.join(tmp_path, name))
            assert e.value.errno == code, (name, e.value)
    assert {e.name: e.stat(follow_symlinks=False).st_mode for e in os.scandir(tmp_path)} == kinds
    assert os.listdir(tmp_path / "folder") == []
    server.close()
    read_end, write_end = os.pipe()
    for path in ("", f"/proc/self/fd/{write_end}", "/"):
        with pytest.raises(OSError):
            small().save(path)
    os.close(read_end)
    os.close(write_end)
    for path in ("a\0b", b"a\0b"):
        with pytest.raises(ValueError, match="NUL|null"):
            small().save(path)
    for path in (7.5, None, object()):
        with pytest.raises(TypeError):
            small().save(path)


def test_fault_54_names_of_any_bytes_and_any_length(tmp_path):
    names = [
        b"m\xff\xe9\x80.hornbeam",
        b"\xed\xa0\x80",
        b"a\nb\tc d'\"\\",
        b"x" * 250,
        b"\xc3\xa9" * 127,
        b"y" * 255,
        b"-",
        b"~",
    ]
    names += [unicodedata.normalize(form, "mod\u00e8le \u6a21\u578b \U0001f600").encode() for form in ("NFC", "NFD")]
    folder = os.fsencode(tmp_path)
    for value, name in enumerate(names):
        path = os.path.join(folder, name)
        for given in (path, os.fsdecode(path)):
            small(value).save(given)
            assert value_in(given) == value
            small().load_weights(given)
            with pytest.raises(FileExistsError):
                small().save(given, overwrite=False)
    assert sorted(os.listdir(folder)) == sorted(names)
    for value, name in enumerate(names):
        assert value_in(os.path.join(folder, name)) == value
    with open(os.path.join(folder, names[0]), "wb") as f:
        f.write(b"damaged")
    with pytest.raises(hb.FormatError, match=r"m\\xff\\xe9\\x80.hornbeam"):
        hb.load_model(os.path.join(folder, names[0]))
    with pytest.raises(FileNotFoundError, match=r"\\xfe"):
        hb.load_model(os.path.join(folder, b"\xfe"))
    for name in (b"z" * 256, b"\xff" * 300):
        with pytest.raises(OSError) as e:
            small().save(os.path.join(folder, name))
        assert e.value.errno == errno.ENAMETOOLONG


def test_fault_54_paths_up_to_the_systems_limit(tmp_path):
    longest = os.pathconf("/", "PC_PATH_MAX") - 1  # without the zero at its end
    folder = os.fspath(tmp_path)
    while len(folder) < longest - 400:
        folder = os.path.join(folder, "d" * 200)
        os.mkdir(folder)
    room = longest - len(folder) - 1
    folder = os.path.join(folder, "e" * (room - 201))
    os.mkdir(folder)
    path = os.path.join(folder, "m" * 200)
    assert len(path) == longest
    small(5.0).save(path)
    small(6.0).save(path)
    assert value_in(path) == 6.0 and os.listdir(folder) == ["m" * 200]
    for save in (small().save, small().save_weights, hb.load_model, small().load_weights):
        with pytest.raises(OSError) as e:
            save(path + "m")
        assert e.value.errno == errno.ENAMETOOLONG
    assert os.listdir(folder) == ["m" * 200]
    here = os.getcwd()
    os.chdir(folder)
    try:
        small(7.0).save("m" * 200)  # there the path is short
        assert value_in("m" * 200) == 7.0
    finally:
        os.chdir(here)


LOCALE = """
import locale, sys, numpy as np, hornbeam as hb
plain = open(sys.argv[1], "rb").read()
found = []
for name in ("de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "nl_NL.UTF-8", "ru_RU.UTF-8", "C.UTF-8", "C"):
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        continue
    found.append(name)
    m = hb.load_model(sys.argv[1])
    assert m.layers[-1].rate == 0.25 and m.get_weights()[0][0, 0] == np.float32(1.5)
    m.predict(np.ones((1, 3), "float32"), verbose=0)
    m.save(sys.argv[2])
    assert open(sys.argv[2], "rb").read() == plain, name
print(found)
"""


def test_fault_54_numbers_do_not_follow_the_locale(tmp_path):
    m = hb.Sequential([hb.Input((3,)), L.Dense(2), L.LeakyReLU(0.125), L.Dropout(0.25)])
    m.set_weights([np.full((3, 2), 1.5, "float32"), np.zeros(2, "float32")])
    m.predict(np.ones((1, 3), "float32"), verbose=0)
    m.save(tmp_path / "m")
    script(LOCALE, tmp_path / "m", tmp_path / "n", env={**os.environ, "LC_ALL": "de_DE.UTF-8"})
