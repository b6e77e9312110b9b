"""Trained networks: each file is checked, and whoever cannot have one is told what to do."""

import hashlib
import importlib.metadata
import json
from dataclasses import asdict

import numpy as np
import pytest

from snode import pretrained
from snode.experiments.runs import Run
from snode.experiments.storage import write_arrays

pytestmark = pytest.mark.numpy_only
NAME, RUN = "tiny", Run(layers=3, activation="relu")
VARIABLES = ("SNODE_NETWORKS", "SNODE_REPOSITORY_URL")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one small network, which is the only one known, and an empty cache."""
    W = np.linspace(-1, 1, 12).reshape(3, 2, 2).astype(np.float16)
    arrays = {"W": W, "b": np.zeros((3, 2, 1), np.float16), "horizon": np.array(3.0)}
    write_arrays(tmp_path / f"{NAME}.npz", arrays)
    sha256 = hashlib.sha256((tmp_path / f"{NAME}.npz").read_bytes()).hexdigest()
    registry = {"release": "r-1", "networks": {NAME: {"sha256": sha256, "run": asdict(RUN)}}}
    (tmp_path / "registry.json").write_text(json.dumps(registry))
    monkeypatch.setattr(pretrained, "REGISTRY", tmp_path / "registry.json")
    monkeypatch.setattr(pretrained, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(pretrained, "_home", lambda: "")
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def mine(folder, monkeypatch):
    """The same folder, named by its user."""
    monkeypatch.setenv("SNODE_NETWORKS", str(folder))
    return folder


def served(folder, content, monkeypatch):
    """Let pooch find `content` at every address, without a network; return what it is asked for."""
    import pooch

    asked = []

    def downloader(url, target, caller):
        asked.append(url)
        with open(target, "wb") as file:
            file.write(content)

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda url, **options: downloader)
    return asked


def test_a_network_of_the_users_folder_is_ready_for_use(mine):
    run, weights = pretrained.load(NAME)
    assert run == RUN and weights.W.dtype == weights.b.dtype == np.float32
    np.testing.assert_array_equal(weights.W.ravel()[[0, -1]], [-1, 1])
    x = run.solver().forward(weights, np.zeros((2, 1), np.float32)).end
    assert x.shape == (2, 1) and weights.horizon == 3


def test_a_damaged_file_is_refused_in_one_sentence(mine):
    path = mine / f"{NAME}.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match="tiny.npz has the sha256 .*expected .*remove it") as error:
        pretrained.load(NAME)
    assert error.value.__context__ is None


def test_a_missing_file_of_a_named_folder_is_not_downloaded(mine):
    (mine / f"{NAME}.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"no .*tiny\.npz .expected sha256 .*NETWORKS"):
        pretrained.load(NAME)


def test_an_unknown_name_lists_the_known(mine):
    with pytest.raises(ValueError, match="name: expected one of tiny, got 'Tiny'"):
        pretrained.load("Tiny")


def test_without_a_repository_the_message_says_what_to_set(folder):
    with pytest.raises(FileNotFoundError, match="SNODE_REPOSITORY_URL .*SNODE_NETWORKS"):
        pretrained.load(NAME)


@pytest.mark.parametrize("way", ["argument", "variable", "metadata"])
def test_it_is_fetched_once_from_the_repository(folder, monkeypatch, way):
    asked = served(folder, (folder / f"{NAME}.npz").read_bytes(), monkeypatch)
    url = "https://github.com/owner/name"
    if way == "variable":
        monkeypatch.setenv("SNODE_REPOSITORY_URL", url + "/")
    if way == "metadata":
        monkeypatch.setattr(pretrained, "_home", lambda: url)
    for _ in range(2):
        pretrained.load(NAME, repository=url if way == "argument" else None)
    assert asked == [f"{url}/releases/download/r-1/tiny.npz"]


def test_what_another_file_is_served_is_not_kept(folder, monkeypatch):
    served(folder, b"not found", monkeypatch)
    url = "https://github.com/owner/name"
    with pytest.raises(OSError, match=f"from {url}/releases/.*sha256 .*SNODE_NETWORKS"):
        pretrained.load(NAME, repository=url)
    assert not list((folder / "cache").iterdir())


def test_the_address_is_the_one_of_the_packages_metadata(monkeypatch):
    class Metadata:
        def get_all(self, key):
            return ["Issues, https://a.b/c/d", "Repository, https://github.com/owner/name"]

    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: Metadata())
    assert pretrained._home() == "https://github.com/owner/name"


def test_the_list_is_of_paper_size_networks_and_says_where_they_come_from():
    networks = pretrained.known()
    assert len(networks) == 3
    for name, entry in networks.items():
        run = Run(**entry["run"])
        assert entry["result"] == f"paper-{name}" and run.layers == 150 and run.dataset == "mnist14"
        assert len(entry["sha256"]) == 64 and len(entry["commit"]) == 40
        assert entry["bytes"] < 12e6
        scores = entry["test_accuracy"]
        assert abs(scores["trained"] - scores["float16"]) <= 0.0002 + 1e-9
