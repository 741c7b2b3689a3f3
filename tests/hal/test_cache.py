"""What is kept in the cache is made once and whole."""

import threading
import time

import pytest

from hal.cache import kept


def test_several_ask_and_one_makes(tmp_path):
    made = []

    def make(folder):
        made.append(folder)
        time.sleep(0.1)
        (folder / "file").write_text("whole")

    threads = [threading.Thread(target=kept, args=(tmp_path / "a" / "b", make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert (tmp_path / "a" / "b" / "file").read_text() == "whole"


def test_what_fails_leaves_nothing(tmp_path):
    def fail(folder):
        (folder / "file").write_text("half")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        kept(tmp_path / "a", fail)
    assert [each.name for each in tmp_path.iterdir()] == ["lock"]
    kept(tmp_path / "a", lambda folder: None)
    assert (tmp_path / "a").is_dir()
