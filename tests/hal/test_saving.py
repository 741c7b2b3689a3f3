"""There is always a whole file: the old one or the new one."""

import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hal.errors import BadDataError, OpFailedError
from hal.saving import saving


def save(path, content):
    with saving(path) as file:
        file.write(content)


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def test_the_new_file_takes_the_place_of_the_old_and_nothing_is_left_beside_it(old):
    save(old, b"new")
    assert old.read_bytes() == b"new"
    assert list(old.parent.iterdir()) == [old]


def test_a_new_file_has_the_permissions_that_new_files_get(tmp_path):
    save(tmp_path / "saved", b"")
    (tmp_path / "written").write_bytes(b"")
    assert (tmp_path / "saved").stat().st_mode == (tmp_path / "written").stat().st_mode


def test_the_old_files_permissions_stay(old):
    old.chmod(0o640)
    save(old, b"new")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640


def test_who_has_the_old_file_open_keeps_it(old):
    with old.open("rb") as reader:
        save(old, b"new")
        assert reader.read() == b"old"


def test_the_old_file_is_there_until_the_block_ends(old):
    with saving(old) as file:
        file.write(b"new")
        file.flush()
        assert old.read_bytes() == b"old"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_fails_changes_nothing(old, error):
    def fail():
        with saving(old) as file:
            file.write(b"half of the n")
            raise error

    with pytest.raises(error):
        fail()
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


def test_a_link_goes_on_leading_to_the_file(old, tmp_path):
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "link").symlink_to(old)
    save(folder / "link", b"new")
    assert (folder / "link").is_symlink()
    assert old.read_bytes() == b"new"


def test_a_name_as_long_as_names_can_be(tmp_path):
    save(tmp_path / ("x" * 255), b"new")
    assert (tmp_path / ("x" * 255)).read_bytes() == b"new"


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("/dev/null", "it is not a file"),
        (".", "it is not a file"),
        ("absent/file", "there is no folder"),
        ("nul\0", "is not the path of a file"),
        (None, "is not the path of a file"),
    ],
)
def test_places_where_no_file_can_be(tmp_path, place, reason):
    path = place if place is None else f"{tmp_path}/{place}" if not place.startswith("/") else place
    with pytest.raises(BadDataError, match=reason):
        save(path, b"new")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("place", ["/proc/saved", "x" * 300, "file/inside"])
def test_places_that_the_system_refuses(old, place):
    with pytest.raises(OpFailedError, match="can't be written: "):
        save(old.parent / place, b"new")
    assert old.read_bytes() == b"old"


UNPRIVILEGED = """
import os, sys
from pathlib import Path
from hal.errors import NnapiError
from hal.saving import saving
old = Path(sys.argv[1])
if os.geteuid() == 0:  # from whom nothing is protected
    for path in (old.parent, old):
        os.chown(path, 65534, 65534)
    os.setuid(65534)

def attempt():
    try:
        with saving(old) as file:
            file.write(b"new")
    except NnapiError as error:
        print(f"{type(error).__name__}: {error}")

old.chmod(0o400)
attempt()
old.chmod(0o600)
old.parent.chmod(0o500)
attempt()
old.parent.chmod(0o700)
"""


def test_no_permission():
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is below a folder that only root may enter
        old = Path(folder) / "file"
        old.write_bytes(b"old")
        done = subprocess.run([sys.executable, "-c", UNPRIVILEGED, old], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == [
            f"BadDataError: {old} can't be written: it is write-protected",
            f"OpFailedError: {old} can't be written: Permission denied",
        ]
        assert old.read_bytes() == b"old"


LIMITED = """
import resource, sys
from hal.errors import OpFailedError
from hal.saving import saving
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    with saving(sys.argv[1]) as file:
        for _ in range(100):
            file.write(bytes(4096))
except OpFailedError as error:
    print(error)
"""


def test_no_room(old):
    """The system takes part of the file and then no more, as a full disk does."""
    done = subprocess.run([sys.executable, "-c", LIMITED, old], capture_output=True, text=True, check=True)
    assert done.stdout == f"{old} can't be written: File too large\n"
    assert old.read_bytes() == b"old"
    assert list(old.parent.iterdir()) == [old]


ENDLESS = """
import sys
from hal.saving import saving
with saving(sys.argv[1]) as file:
    file.write(bytes(100000))
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_who_is_killed_while_saving_leaves_the_old_file(old):
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, old], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert old.read_bytes() == b"old"
