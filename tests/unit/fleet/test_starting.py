"""What a Ray of ours needs of this machine, looked at before Ray is started."""

import signal
import stat
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from regfleet.borrowed import ray as borrowed
from regfleet.errors import FleetError
from regfleet.fleet import FleetSettings, ray_fleet, starting


@pytest.fixture
def temporary(monkeypatch):
    """A function that makes a folder the one for temporary files."""
    return lambda folder: monkeypatch.setattr(tempfile, "tempdir", str(folder))


@pytest.fixture
def short(monkeypatch):
    """A folder of a short name that stands for the system's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="s") as folder:
        monkeypatch.setattr(starting, "SHARED_FOLDERS", (folder,))
        yield folder


def test_its_folder_is_private_and_goes(temporary, short):
    """Where the user's temporary files are, closed to others, and gone with all that is in it."""
    temporary(short)
    notes = []
    with starting._private_folder(notes.append) as folder:
        private = Path(folder).parent
        assert (private.parent, stat.S_IMODE(private.stat().st_mode)) == (Path(short), 0o700)
        assert len(folder + borrowed.SOCKET_NAME) <= borrowed.SOCKET_BYTES
        Path(folder).mkdir(mode=0o777)
    assert list(Path(short).iterdir()) == []
    assert notes == []


@pytest.mark.parametrize("name", ["d" * 40, "a b", "it's", "ü", "x\x1b[2J", "x\ny", "\udcff", "absent"])
def test_a_folder_that_will_not_do_is_said(temporary, short, tmp_path, name):
    """Too long for a socket, of signs that Ray's command lines do not carry, or not there: the system's is taken."""
    temporary(tmp_path / name if len(name) > 20 else Path(short, name))
    notes = []
    with starting._private_folder(notes.append) as folder:
        assert Path(folder).parents[1] == Path(short)
    assert len(notes) == 1
    assert notes[0].isprintable()


def test_without_any_folder_it_is_told_in_a_line(temporary, monkeypatch):
    """And nothing is started."""
    temporary("/proc/absent")
    monkeypatch.setattr(starting, "SHARED_FOLDERS", ("/proc",))
    with pytest.raises(FleetError, match="TMPDIR: expected a folder"), starting._private_folder(print):
        pass


def test_without_a_shell_it_is_told_in_a_line(monkeypatch):
    """Ray would start workers for ever, and none would come."""
    monkeypatch.setenv("PATH", "/nonexistent\x1b[2J")
    with pytest.raises(FleetError, match="PATH: expected a folder with bash") as told, starting.own_ray(1, {}, print):
        pass
    assert str(told.value).isprintable()


@pytest.mark.parametrize(("code", "raised"), [(signal.SIGTERM, KeyboardInterrupt), (1, SystemExit)])
def test_sigterm_while_ray_starts_is_an_interruption(monkeypatch, code, raised):
    """Ray's handler of that moment exits with the number of the signal and says nothing; another exit is none of it."""

    @contextmanager
    def starting_ray(*_):
        sys.exit(code)
        yield

    monkeypatch.setattr(sys.modules[ray_fleet.__module__], "_ray", starting_ray)
    with pytest.raises(raised), ray_fleet(FleetSettings(), print):
        pass
