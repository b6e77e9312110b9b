"""Data: the filter and its identities, the layout, the batches, and every way a file can be bad."""

import gzip
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from snode import data, mnist

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
real = pytest.mark.skipif(not os.environ.get("SNODE_DATA"), reason="no MNIST")
both_filters = pytest.mark.parametrize("resample", ["triangle", "mean"])


@pytest.fixture
def tiny(monkeypatch):
    """Stand-ins for the four files, {name: content}, with 6 and 4 random images.

    Those of Fashion-MNIST are named "fashion/..." and hold other images.
    """
    rng, contents = np.random.default_rng(0), {}
    for source in (mnist.MNIST, mnist.FASHION):
        for name, old in source.files.items():
            shape = (6 if "train" in name else 4, *old.shape[1:])
            array = rng.integers(0, 256 if "images" in name else 10, shape, dtype=np.uint8)
            content = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes()
            content += array.tobytes()
            contents[str(Path(source.folder, name))] = content
            sha256 = hashlib.sha256(content).hexdigest()
            monkeypatch.setitem(source.files, name, mnist.File(shape, 1, sha256))
    return contents


@pytest.fixture
def folder(tiny, tmp_path, monkeypatch):
    """A folder of the user's with the stand-ins, two of them compressed."""
    (tmp_path / "fashion").mkdir()
    for name, content in tiny.items():
        if "images" in name:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("SNODE_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def mirrors(tiny, tmp_path, monkeypatch):
    """Two mirrors, /one/ and /two/, on this machine, as the dict {path: bytes} that they serve."""
    served = {f"/two/{name}.gz": gzip.compress(content) for name, content in tiny.items()}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = served.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    home = f"http://127.0.0.1:{server.server_port}"
    for name in ("MNIST", "FASHION"):
        old = getattr(mnist, name)
        mirrors = tuple(f"{home}{Path('/', k, old.folder)}/" for k in ("one", "two"))
        monkeypatch.setattr(mnist, name, old._replace(mirrors=mirrors))
    monkeypatch.setattr(mnist, "cache", lambda: tmp_path / "cache")
    monkeypatch.delenv("SNODE_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


# The filter


def test_triangle_has_the_stated_weights():
    R = data.resampling_matrix("triangle")
    assert R.shape == (14, 28)
    np.testing.assert_array_equal(R[0, :4], np.array([4, 3, 1, 0]) / 8)
    np.testing.assert_array_equal(R[-1, -4:], np.array([0, 1, 3, 4]) / 8)
    for i in range(1, 13):
        np.testing.assert_array_equal(R[i, 2 * i - 1 : 2 * i + 3], np.array([1, 3, 3, 1]) / 8)
        assert np.count_nonzero(R[i]) == 4


def test_mean_averages_pairs():
    a = np.random.default_rng(0).integers(0, 256, (28, 28)) / 4
    R = data.resampling_matrix("mean")
    np.testing.assert_array_equal(R @ a @ R.T, a.reshape(14, 2, 14, 2).mean(axis=(1, 3)))


@both_filters
def test_constants_means_and_ramps_survive(resample):
    R = data.resampling_matrix(resample)
    np.testing.assert_array_equal(R.sum(axis=1), 1)  # a constant stays a constant
    np.testing.assert_array_equal(R.sum(axis=0), 0.5)  # the mean of an image stays
    ramp = R @ np.arange(28)
    centres = 2 * np.arange(14) + 0.5
    np.testing.assert_array_equal(ramp[1:-1], centres[1:-1])
    np.testing.assert_array_equal(R[::-1, ::-1], R)  # left and right are alike


def test_a_filter_of_other_size_or_name_is_refused():
    assert data.resampling_matrix("triangle", 2).tolist() == [[0.5, 0.5]]
    with pytest.raises(ValueError, match="triangle, mean, got 'cubic'"):
        data.resampling_matrix("cubic")
    with pytest.raises(ValueError, match="even number, at least 2, got 7"):
        data.resampling_matrix("mean", 7)


# Loading


def test_mnist14_is_the_filtered_image_row_by_row(folder, tiny):
    d = data.load("mnist14", input_range=(0, 1), dtype="float64")
    assert (d.name, d.shape) == ("mnist14", (14, 14))
    assert (d.train.x.shape, d.test.x.shape) == ((196, 6), (196, 4))
    raw = np.frombuffer(tiny[IMAGES][16:], np.uint8).reshape(6, 28, 28) / 255
    padded = np.pad(raw[4], 1, mode="symmetric")
    rows = sum(w * padded[k : k + 28 : 2] for k, w in enumerate([1, 3, 3, 1])) / 8
    both = sum(w * rows[:, k : k + 28 : 2] for k, w in enumerate([1, 3, 3, 1])) / 8
    np.testing.assert_allclose(d.train.x[:, 4].reshape(14, 14), both, atol=1e-15)
    assert d.train.labels.tolist() == list(tiny[LABELS][8:])
    assert d.train.labels.dtype == np.int64


def test_mnist28_is_not_resampled(folder, tiny):
    x = data.load("mnist28", (0, 1), dtype=np.float64).test.x
    raw = np.frombuffer(tiny["t10k-images-idx3-ubyte"][16:], np.uint8)
    np.testing.assert_array_equal(x.T.ravel(), raw / 255)


@pytest.mark.parametrize("size", [14, 28])
def test_fashion_comes_from_its_own_folder(folder, size, tiny):
    clothes, digits = (data.load(f"{name}{size}", (0, 1)) for name in ("fashion", "mnist"))
    assert clothes.name == f"fashion{size}" and clothes.shape == (size, size)
    assert clothes.test.labels.tolist() == list(tiny["fashion/t10k-labels-idx1-ubyte"][8:])
    assert (
        clothes.train.x.shape == digits.train.x.shape and (clothes.train.x != digits.train.x).any()
    )
    (folder / "fashion" / LABELS).write_bytes(tiny[LABELS])  # the other set's, of the same name
    with pytest.raises(ValueError, match="is not Fashion-MNIST's train-labels.* sha256 .*zalando"):
        data.load(f"fashion{size}")
    (folder / "fashion" / LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=f"/fashion/{LABELS} nor {LABELS}.gz beside"):
        data.load(f"fashion{size}")


def test_fashion_is_fetched_into_its_own_folder(mirrors, capsys):
    fetched = data.load("fashion28")
    said = capsys.readouterr().err
    assert said.count("Downloading") == 8 and f"to {mnist.cache() / 'fashion'}" in said
    assert len(list((mnist.cache() / "fashion").iterdir())) == 4 == len(mnist.FASHION.files)
    assert not list(mnist.cache().glob("*.gz"))
    mirrors.clear()
    np.testing.assert_array_equal(data.load("fashion28").test.x, fetched.test.x)


def test_the_known_checksums_are_eight_different_ones():
    files = [*mnist.MNIST.files.items(), *mnist.FASHION.files.items()]
    assert len({file.sha256 for _, file in files}) == 8
    assert all(len(bytes.fromhex(file.sha256)) == 32 and file.download > 4000 for _, file in files)
    assert all(file.shape[0] == (60_000 if "train" in name else 10_000) for name, file in files)
    assert all(file.shape[1:] == ((28, 28) if "images" in name else ()) for name, file in files)


@both_filters
@pytest.mark.parametrize("name", data.SHAPES)
def test_ranges_and_precisions_agree_exactly(folder, name, resample, monkeypatch):
    monkeypatch.setattr(data, "BLOCK", 4)
    down = data.load(name, resample=resample).train.x
    up = data.load(name, (0.0, 1.0), resample).train.x
    np.testing.assert_array_equal(down, -up)
    assert down.dtype == np.float32 and down.flags.c_contiguous
    assert up.min() >= 0 and up.max() <= 1 and not np.signbit(up).any()
    assert not np.signbit(down[down == 0]).any()
    # the weights are eighths and the shades whole numbers, so that only the last division rounds
    double = data.load(name, (0.0, 1.0), resample, np.float64).train.x
    np.testing.assert_array_equal(double.astype(np.float32), up)


def test_digits_are_whole_and_their_split_is_frozen():
    d = data.load("digits")
    assert (d.shape, d.train.x.shape, d.test.x.shape) == ((8, 8), (64, 1400), (64, 397))
    assert d.train.x.min() == d.test.x.min() == -1 and d.train.x.max() == 0
    assert d.train.labels[:10].tolist() == [2, 8, 2, 6, 6, 7, 1, 9, 8, 5]
    counts = np.bincount(d.train.labels).tolist()
    assert counts == [144, 143, 133, 146, 135, 149, 140, 132, 143, 135]
    assert np.bincount(d.test.labels).tolist() == [34, 39, 44, 37, 46, 33, 41, 47, 31, 45]
    from sklearn.datasets import load_digits

    rows = np.hstack([d.train.x, d.test.x]).T * -16
    assert sorted(rows.tolist()) == sorted(load_digits().data.tolist())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "mnist"},
            "name: expected one of digits, mnist14, mnist28, fashion14, fashion28, got 'mnist'",
        ),
        ({"name": ["digits"]}, r"name: expected one of .*, got \['digits'\]"),
        ({"input_range": (-1, 1)}, r"expected \(0.0, -1.0\) or \(0.0, 1.0\), got \(-1, 1\)"),
        ({"input_range": 1}, "input_range: expected"),
        ({"resample": "cubic"}, "resample: expected one of triangle, mean, got 'cubic'"),
        ({"dtype": np.float16}, "dtype: expected float32 or float64, got .*float16"),
        ({"dtype": int}, "dtype: expected"),
        ({"dtype": None}, "dtype: expected"),
    ],
)
def test_bad_arguments_are_named_before_any_file_is_touched(arguments, message, mirrors):
    with pytest.raises(ValueError, match=message):
        data.load(**{"name": "mnist14", **arguments})
    assert not mnist.cache().exists()


def test_importing_the_module_imports_neither_sklearn_nor_pooch():
    code = "import sys, snode.data; assert not {'sklearn', 'pooch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(data.__file__).parents[1])


# One-hot labels and batches


def test_one_hot():
    labels = np.array([3, 0, 1, 3])
    y = data.one_hot(labels, classes=4, dtype=np.float64)
    assert y.shape == (4, 4) and y.dtype == np.float64
    np.testing.assert_array_equal(y, np.eye(4)[:, labels])
    assert data.one_hot(np.zeros(0, int)).shape == (10, 0)
    for bad in ([0, 4], [-1, 0], [0.0, 1.0], [[0, 1]]):
        with pytest.raises(ValueError, match="labels: expected"):
            data.one_hot(bad, classes=4)


@pytest.fixture
def numbered():
    """Twenty-three images that carry their own number, with the labels that belong to it."""
    return data.Split(np.arange(23.0) + np.zeros((13, 1)), np.arange(23) % 10)


def test_batches_show_each_image_at_most_once_with_its_label(numbered):
    pairs = list(data.batches(numbered, 5, seed=1))
    assert [(x0.shape, y.shape) for x0, y in pairs] == [((13, 5), (10, 5))] * 4  # 3 are dropped
    shown = np.hstack([x0[0] for x0, _ in pairs]).astype(int)
    assert len(set(shown)) == 20 and shown.tolist() != sorted(shown)
    np.testing.assert_array_equal(np.hstack([y for _, y in pairs]).argmax(axis=0), shown % 10)
    assert all(x0.flags.c_contiguous and y.dtype == x0.dtype for x0, y in pairs)


def test_batches_depend_on_the_seed_alone(numbered):
    def order(seed):
        return np.hstack([x0[0] for x0, _ in data.batches(numbered, 23, seed)]).tolist()

    assert order(1) == order(1) == order(np.random.default_rng(1)) != order(2)
    rng = np.random.default_rng(1)
    assert order(rng) == order(1) and order(rng) != order(1)  # the second epoch is another


@pytest.mark.parametrize(
    ("batch", "seed"), [(0, 1), (24, 1), (2.5, 1), (5.0, 1), (5, None), (5, "a")]
)
def test_bad_batches_are_refused_at_once(numbered, batch, seed):
    with pytest.raises(ValueError, match="seed" if seed != 1 else "batch.* from 1 to 23"):
        data.batches(numbered, batch, seed)


def test_a_split_must_fit_together():
    with pytest.raises(ValueError, match=r"x: expected float32 or float64 \(N, n\), got int64"):
        data.Split(np.zeros((3, 2), int), np.zeros(2, int))
    with pytest.raises(ValueError, match=r"labels: expected integers \(2,\), got int64 \(3,\)"):
        data.Split(np.zeros((3, 2)), np.zeros(3, int))


# Files in a folder that the user names


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: c[:-1] + bytes([c[-1] ^ 1]), "sha256 .*, expected [0-9a-f]{64}"),
        (lambda c: c[:-1], "4,719 bytes, expected 4,720"),
        (lambda c: b"<htm" + c[4:], "starts with bytes '3c68746d', expected '00000803'"),
        (lambda c: c[:7] + b"\7" + c[8:], r"expected shape \(6, 28, 28\)"),
        (lambda c: gzip.compress(c)[:-400], "gzip compression is damaged or cut short"),
        (lambda c: gzip.compress(c)[:10] + b"\xff" * 20, "gzip compression is damaged"),
        (lambda c: gzip.compress(c)[:-8] + bytes(8), "gzip compression is damaged"),
        (lambda c: b"", "starts with bytes '', expected '00000803'"),
    ],
)
def test_a_bad_file_is_named_with_what_to_do(folder, tiny, damage, message):
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(damage(tiny[IMAGES]))
    with pytest.raises(ValueError, match=message) as caught:
        data.load("mnist14")
    text = str(caught.value)
    assert str(path) in text and "replace it" in text and "\n" not in text


def test_a_folder_that_lacks_a_file_is_an_error_not_a_download(folder, mirrors, monkeypatch):
    monkeypatch.setenv("SNODE_DATA", str(folder))
    (folder / LABELS).unlink()
    with pytest.raises(FileNotFoundError, match=f"/{LABELS} nor {LABELS}.gz.*unset SNODE_DATA"):
        data.load("mnist14")
    assert not mnist.cache().exists()


def test_an_unreadable_file_is_named(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(mnist.Path, "read_bytes", refuse)
    with pytest.raises(OSError, match=f"{IMAGES}.gz cannot be read .Permission denied"):
        mnist.read(IMAGES, mnist.MNIST)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="got 'train'"):
        mnist.read("train")


# Files that are downloaded


def test_the_second_mirror_helps_and_the_cache_is_used_again(mirrors, capsys):
    first = data.load("mnist14")
    said = capsys.readouterr().err
    assert "/one/" in said and f"/two/{IMAGES}.gz (1 bytes) to {mnist.cache()}" in said
    assert {f.name for f in mnist.cache().iterdir()} == {f"{name}.gz" for name in mnist.MNIST.files}
    mirrors.clear()
    np.testing.assert_array_equal(data.load("mnist14").train.x, first.train.x)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("served", [b"<html>", b"\x1f\x8b\x08\0", None])
def test_a_download_that_is_not_the_file_leaves_nothing(mirrors, tiny, served):
    mirrors[f"/one/{IMAGES}.gz"] = gzip.compress(tiny[IMAGES][:-1])
    mirrors[f"/two/{IMAGES}.gz"] = served
    with pytest.raises(OSError, match="no mirror.* 4,719 bytes, expected 4,720;.*/two/") as caught:
        mnist.read(IMAGES, mnist.MNIST)
    assert "set SNODE_DATA" in str(caught.value) and "\n" not in str(caught.value)
    assert list(mnist.cache().iterdir()) == []


def test_no_network(mirrors, monkeypatch):
    nowhere = mnist.MNIST._replace(mirrors=("http://127.0.0.1:1/", "http://127.0.0.1:2/"))
    with pytest.raises(OSError, match="no mirror.*:1/.*Connection.*:2/.*check the network"):
        mnist.read(LABELS, nowhere)
    assert list(mnist.cache().iterdir()) == []


def test_a_bad_file_in_the_cache_is_not_replaced_silently(mirrors):
    mnist.cache().mkdir()
    (mnist.cache() / f"{LABELS}.gz").write_bytes(b"half")
    with pytest.raises(ValueError, match=f"{LABELS}.gz is not MNIST's.*delete it and load again"):
        mnist.read(LABELS, mnist.MNIST)


def test_a_cache_that_cannot_be_written_is_named(mirrors, monkeypatch):
    mnist.cache().write_bytes(b"a file where the folder should be")
    with pytest.raises(OSError, match="cache.* is not a folder that can be written .*SNODE_DATA"):
        mnist.read(LABELS, mnist.MNIST)
    mnist.cache().unlink()

    def refuse(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(OSError, match="can be written .Permission denied.*set SNODE_DATA"):
        mnist.read(LABELS, mnist.MNIST)


# The true files


@real
def test_real_mnist():
    d = data.load("mnist28", (0, 1))
    assert (d.train.x.shape, d.test.x.shape) == ((784, 60_000), (784, 10_000))
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(d.train.labels).tolist() == counts
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(d.test.labels).tolist() == counts
    mean = d.train.x.mean(dtype=np.float64)
    assert mean == pytest.approx(0.1307, abs=5e-5)  # the mean that everybody's scripts subtract
    small = data.load("mnist14").train
    assert small.x.shape == (196, 60_000) and small.x.dtype == np.float32
    assert small.x.mean(dtype=np.float64) == pytest.approx(-mean, rel=1e-6)
    assert len(list(data.batches(small, 500, seed=0))) == 120  # MNIST has no incomplete batch


def test_batches_of_another_number_of_classes(numbered):
    labels = numbered.labels % 3
    _, y = next(data.batches(data.Split(numbered.x, labels), 5, 0, classes=3))
    assert y.shape == (3, 5)
    with pytest.raises(ValueError, match="labels: expected 0 to 1, got 0 to 2"):
        list(data.batches(data.Split(numbered.x, labels), 5, 0, classes=2))
