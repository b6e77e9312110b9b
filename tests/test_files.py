"""A file appears whole or not at all."""

import numpy as np
import pytest

from snode.files import atomic, check_new, read_arrays

pytestmark = pytest.mark.numpy_only


def test_a_file_is_written_whole_and_replaced_whole(tmp_path):
    path = tmp_path / "a.bin"
    for content in (b"first", b"second"):
        with atomic(path) as file:
            file.write(content)
        assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="stop"), atomic(path) as file:
        file.write(b"half of")
        raise RuntimeError("stop")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path):
    (tmp_path / "folder").write_text("a file")
    with (
        pytest.raises(OSError, match=r"a\.bin: cannot be written \(Not a directory\)"),
        atomic(tmp_path / "folder" / "a.bin"),
    ):
        pass


def test_a_damaged_npz_is_one_error_wherever_the_damage(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.arange(40.0))
    whole, refused = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        try:
            read_arrays(path)
        except ValueError as error:
            refused += "a.npz: expected an npz file without pickles" in str(error)
    assert refused > len(whole) // 3


def test_only_a_new_file_in_a_folder_that_exists_may_be_written(tmp_path):
    check_new(tmp_path / "new.json")
    (tmp_path / "old.json").write_text("{}")
    with pytest.raises(FileExistsError, match=r"old\.json: exists already"):
        check_new(tmp_path / "old.json")
    with pytest.raises(FileNotFoundError, match=r"a\.json: there is no folder .*nowhere"):
        check_new(tmp_path / "nowhere" / "a.json")


def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("snode.files.os.access", lambda path, mode: False)  # root may write to all
    with pytest.raises(PermissionError, match=r"new\.json: the folder .* may not be written to"):
        check_new(tmp_path / "new.json")
