"""Fetching a set, tried against a server on this machine."""

import hashlib
import http.server
import io
import re
import tarfile
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from visionfw.data.build.fetch import FetchedSet, fetch
from visionfw.data.datasets.standard import STANDARD_DATASETS, Archive
from visionfw.errors import RequestError, VisionfwError


def encoded(number):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (40, 50, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


@pytest.fixture
def server():
    """A server of some files that knows ranges; `cut` makes it hang up after so many bytes."""
    files, requests, cut = {}, [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path)
            requests.append((self.path, self.headers.get("Range")))
            if content is None:
                self.send_error(404)
                return
            start = int(re.match(r"bytes=(\d+)-", self.headers["Range"])[1]) if self.headers.get("Range") else 0
            mark = f'"{hash(content)}"'
            start = start if self.headers.get("If-Range", mark) == mark else 0
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.send_header("ETag", mark)
            self.end_headers()
            self.wfile.write(content[start : start + cut.pop() if cut else None])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.files, server.requests, server.cut = files, requests, cut
    server.address = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("name", "packed"), [("x.zip", zipped), ("x.tar.gz", tarred), ("x.tgz", tarred)])
def test_an_archive_becomes_a_folder_of_its_images(tmp_path, server, name, packed):
    members = {"Set/a.png": encoded(0), "Set/deep/b.png": encoded(1), "readme.txt": b"hello", "__MACOSX/._a.png": b"x", "Set/.c.png": b"x"}
    server.files[f"/{name}"] = packed(members)
    folder = tmp_path / "Mine"
    assert fetch("Mine", str(tmp_path), f"{server.address}/{name}") == FetchedSet(folder, 2, is_verified=False)
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png"]
    assert (folder / "b.png").read_bytes() == encoded(1)
    assert [path.name for path in tmp_path.iterdir()] == ["Mine"]


@pytest.fixture
def standard(monkeypatch):
    """Give a standard set other archives and another number of images."""

    def change(name, archives, images):
        dataset = next(dataset for dataset in STANDARD_DATASETS if dataset.name == name)
        monkeypatch.setattr("visionfw.data.build.fetch.STANDARD_DATASETS", (replace(dataset, archives=archives, images=images),))

    return change


def test_a_standard_set_takes_the_members_that_belong_to_it(tmp_path, server, standard):
    standard("BSDS500", tuple(Archive(f"{server.address}/bsds.tgz", f"images/{part}/", part) for part in ("train", "val")), {"train": 2, "val": 2})
    server.files["/bsds.tgz"] = tarred({f"BSR/images/{part}/{number}.png": encoded(number) for part in ("train", "val", "test") for number in (1, 2)})
    fetched = fetch("bsds500", str(tmp_path))
    assert (fetched.folder.name, fetched.images) == ("BSDS500", 4)
    assert sorted(path.name for path in (fetched.folder / "val").iterdir()) == ["1.png", "2.png"]
    assert len(server.requests) == 1  # one archive, downloaded once


def test_a_file_with_the_published_hash_is_verified(tmp_path, server, standard):
    content = zipped({"a.png": encoded(0)})
    server.files["/x.zip"] = content
    standard("Set14", (Archive(f"{server.address}/x.zip", sha256=hashlib.sha256(content).hexdigest()),), 1)
    assert fetch("Set14", str(tmp_path)).is_verified


def test_a_file_with_another_hash_is_refused_and_not_kept(tmp_path, server, standard):
    server.files["/x.zip"] = zipped({"a.png": encoded(1)})
    content = zipped({"a.png": encoded(0)})
    standard("Set14", (Archive(f"{server.address}/x.zip", sha256=hashlib.sha256(content).hexdigest()),), 1)
    with pytest.raises(VisionfwError, match=r"the SHA-256 of the file is not [0-9a-f]{64}: it was changed or damaged; the same command downloads it anew"):
        fetch("Set14", str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    server.files["/x.zip"] = content
    assert fetch("Set14", str(tmp_path)).images == 1


def test_an_interrupted_download_is_continued(tmp_path, server):
    server.files["/x.zip"] = zipped({"a.png": encoded(0), "b.png": encoded(1)})
    server.cut.append(3000)
    with pytest.raises(VisionfwError, match=r"ended early, 3000 of \d+ bytes; the same command continues from there"):
        fetch("Mine", str(tmp_path), f"{server.address}/x.zip")
    assert not (tmp_path / "Mine").exists()
    assert fetch("Mine", str(tmp_path), f"{server.address}/x.zip").images == 2
    assert server.requests[1] == ("/x.zip", "bytes=3000-")


def test_a_file_that_changed_meanwhile_is_downloaded_anew(tmp_path, server):
    server.files["/x.zip"] = zipped({"a.png": encoded(0), "b.png": encoded(1)})
    server.cut.append(3000)
    with pytest.raises(VisionfwError, match="ended early"):
        fetch("Mine", str(tmp_path), f"{server.address}/x.zip")
    server.files["/x.zip"] = zipped({"c.png": encoded(2)})
    fetched = fetch("Mine", str(tmp_path), f"{server.address}/x.zip")
    assert [path.name for path in fetched.folder.iterdir()] == ["c.png"]


def test_a_member_cannot_write_outside(tmp_path, server):
    server.files["/x.zip"] = zipped({"../../evil.png": encoded(0), "/absolute.png": encoded(1)})
    fetched = fetch("Mine", str(tmp_path / ""), f"{server.address}/x.zip")
    assert sorted(path.name for path in fetched.folder.iterdir()) == ["absolute.png", "evil.png"]
    assert fetched.images == 2
    assert not (tmp_path.parent / "evil.png").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no archive", "is damaged or no archive"),
        (zipped({"a.txt": b"x"}), "no image in it"),
        (zipped({"a/x.png": b"1", "b/x.png": b"2"}), "two images called x.png"),
    ],
)
def test_a_wrong_archive_is_reported_and_leaves_no_set(tmp_path, server, content, sentence):
    server.files["/x.zip"] = content
    with pytest.raises(VisionfwError, match=sentence):
        fetch("Mine", str(tmp_path), f"{server.address}/x.zip")
    assert not (tmp_path / "Mine").exists()


def test_what_cannot_be_fetched_is_reported(tmp_path, server):
    with pytest.raises(VisionfwError, match="the server answered 404"):
        fetch("Mine", str(tmp_path), f"{server.address}/nothing.zip")
    with pytest.raises(VisionfwError, match="cannot be reached or read"):
        fetch("Mine", str(tmp_path), "http://127.0.0.1:9/x.zip")
    with pytest.raises(RequestError, match="no standard set 'Urban10'; did you mean 'Urban100'"):
        fetch("Urban10", str(tmp_path))
    with pytest.raises(RequestError, match=r"Manga109 has no public address .*; get it from http"):
        fetch("Manga109", str(tmp_path))
    with pytest.raises(RequestError, match="--address: must begin with https://"):
        fetch("Mine", str(tmp_path), "nonsense")
    (tmp_path / "Set5").mkdir()
    with pytest.raises(RequestError, match="is there already; remove it to fetch it anew"):
        fetch("Set5", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["Set5"]


def test_a_damaged_archive_never_becomes_a_set(tmp_path, server):
    whole = tarred({f"{number}.png": encoded(number) for number in range(6)})
    for at in range(40, len(whole) - 40, len(whole) // 12):
        server.files["/x.tgz"] = whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :]
        with pytest.raises(VisionfwError, match="is damaged or no archive"):
            fetch("Mine", str(tmp_path), f"{server.address}/x.tgz")
    assert list(tmp_path.iterdir()) == []


def test_a_set_of_another_number_of_images_is_refused(tmp_path, server, standard):
    standard("Set14", (Archive(f"{server.address}/x.zip"),), 14)
    server.files["/x.zip"] = zipped({"a.png": encoded(0)})
    with pytest.raises(VisionfwError, match="1 images, but Set14 has 14; --address takes another address"):
        fetch("Set14", str(tmp_path))
    assert not (tmp_path / "Set14").exists()


def test_a_download_that_is_whole_already_does_not_get_stuck(tmp_path, server):
    """All bytes came, and the process was killed before it took them over: the server has no bytes behind them."""
    content = zipped({"a.png": encoded(0)})
    server.files["/x.zip"] = content
    server.cut.append(len(content) - 1)
    with pytest.raises(VisionfwError, match="ended early"):
        fetch("Mine", str(tmp_path), f"{server.address}/x.zip")
    (part,) = tmp_path.rglob("part")
    part.write_bytes(content)
    assert fetch("Mine", str(tmp_path), f"{server.address}/x.zip").images == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:port/x.zip", "http://[::1/x.zip", "http://127.0.0.1/a b.zip", "file:///nowhere/x.zip"])
def test_a_wrong_address_is_one_line(tmp_path, address):
    with pytest.raises(VisionfwError, match="cannot be reached or read") as caught:
        fetch("Mine", str(tmp_path), address)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["a/b", "..", "/x"])
def test_a_set_stays_inside_the_root(tmp_path, name):
    with pytest.raises(RequestError, match="--name: a set is one folder of the data root"):
        fetch(name, str(tmp_path), "http://127.0.0.1/x.zip")
