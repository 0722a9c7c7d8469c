"""A results directory is never followed through a symbolic link."""

import pytest

from regfleet.errors import InputError, ResultsError
from regfleet.report.publish import publish
from regfleet.results import claim, load


@pytest.fixture
def outside(tmp_path):
    """A file of somebody else's, and a folder of such."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    file = folder / "secret.txt"
    file.write_text("theirs")
    return file


def test_a_part_that_is_a_link_is_a_problem(store, outcome, outside):
    """A link to a true part elsewhere is named and not read, and setting aside leaves it."""
    store.append([outcome("none", 0)])
    (part,) = (store.place.local / "trials").iterdir()
    part.rename(outside.with_name(part.name))
    part.symlink_to(outside.with_name(part.name))
    found = load(store.place)
    assert len(found.trials) == 0
    (problem,) = found.problems
    assert str(problem) == f"trials/{part.name} is a symbolic link or a folder, which is not followed"
    assert store.set_aside(found.problems) == [f"{problem}; left where it is"]
    assert part.is_symlink()


@pytest.mark.parametrize("folder", ["trials", "histories", "predictions"])
def test_a_folder_that_is_a_link_is_refused(store, outside, folder):
    """Neither reading nor writing follows a link in the place of a folder of parts."""
    path = store.place.local
    (path / folder).rmdir()
    (path / folder).symlink_to(outside.parent)
    with pytest.raises(ResultsError, match="a symbolic link, which is not followed"):
        load(path)
    with pytest.raises(ResultsError, match="a symbolic link, which is not followed"):
        store.place.write(f"{folder}/part-x.parquet", b"")
    assert [entry.name for entry in outside.parent.iterdir()] == ["secret.txt"]


@pytest.mark.parametrize(
    "name", ["trials", "histories", "predictions", ".lock", "study.toml", "regfleet.log", "report.html"]
)
def test_a_directory_with_links_is_not_claimed(tmp_path, outside, name):
    """A driver refuses a directory whose folders or files point elsewhere, and says which."""
    path = tmp_path / "linked"
    path.mkdir()
    (path / name).symlink_to(outside.parent if name in {"trials", "histories", "predictions"} else outside)
    with pytest.raises(InputError, match=rf"no symbolic link in a results directory; got .*{name}$"), claim(path):
        pass
    assert outside.read_text() == "theirs"


def test_writing_replaces_a_link_and_spares_its_target(store, outside):
    """A report where a link stood is a file of its own."""
    (store.place.local / "report.html").symlink_to(outside)
    store.place.write("report.html", b"ours")
    assert (store.place.local / "report.html").read_bytes() == b"ours"
    assert not (store.place.local / "report.html").is_symlink()
    assert outside.read_text() == "theirs"


def test_the_log_is_not_appended_to_a_link(store, outside):
    """A log that is a link to somebody's file is refused before a line is written."""
    (store.place.local / "regfleet.log").symlink_to(outside)
    with pytest.raises(InputError, match=r"no symbolic link .*regfleet\.log$"), store.place.appending("regfleet.log"):
        pass


def test_a_link_is_neither_read_nor_published(store, outside, tmp_path):
    """What a link in a results directory points at does not reach a site."""
    (store.place.local / "report.html").symlink_to(outside)
    with pytest.raises(ResultsError, match=r"expected a results directory with a report\.html; got none there"):
        publish([store.place.local], tmp_path / "site")
    with pytest.raises(OSError, match="a symbolic link, which is not followed"):
        store.place.read("report.html")
