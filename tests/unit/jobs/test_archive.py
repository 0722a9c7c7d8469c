"""A results directory through a log, and what is refused on the way back."""

import io
import os
import re
import stat
import zipfile

import pytest

from regfleet.errors import ResultsError
from regfleet.jobs import archive
from regfleet.jobs.archive import Carried, lines, pack, unpack


@pytest.fixture
def results(tmp_path):
    """A directory laid out as results are, with what must not travel: a lock, half a part, a link."""
    folder = tmp_path / "results"
    for name, content in {
        "study.toml": b"a = 1",
        "trials/part-1.parquet": os.urandom(40_000),
        "histories/part-1.parquet": os.urandom(40_000),
        ".lock": b"",
        "trials/part-2.parquet.tmp": b"half",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "passwd").symlink_to("/etc/passwd")
    return folder


def zipped(*names):
    """An archive with files of these names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in names:
            made.writestr(name, "x")
    return buffer.getvalue()


def contents(folder):
    """Each file of a folder with its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_results_come_back_as_they_were(results, tmp_path):
    """What is packed, printed among other lines, taken out and unpacked is the same, byte for byte."""
    carried = Carried()
    log = ["10/20 trials", *lines(pack(results)), "done"]
    assert max(map(len, log)) < 20_000  # what Ray hands over at once
    assert [line for line in log if not carried.take(line)] == ["10/20 trials", "done"]
    assert unpack(carried.archive(), tmp_path / "back") == 3
    expected = {name: content for name, content in contents(results).items() if name.endswith((".toml", "1.parquet"))}
    assert contents(tmp_path / "back") == expected


def test_what_is_there_stays_and_what_is_new_is_added(results, tmp_path):
    """Unpacking into results of the same study adds parts and replaces the study."""
    out = tmp_path / "back"
    (out / "trials").mkdir(parents=True)
    (out / "trials" / "part-0.parquet").write_bytes(b"mine")
    (out / "study.toml").write_bytes(b"old")
    unpack(pack(results), out)
    assert (out / "trials" / "part-0.parquet").read_bytes() == b"mine"
    assert (out / "study.toml").read_bytes() == b"a = 1"


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_damaged_archive_is_refused(results, damage):
    """A line that got lost or was changed on the way is noticed by the checksum."""
    log = list(lines(pack(results)))
    log[-2:] = [] if damage == "lost" else [log[-2].replace("A", "B"), log[-1]]
    carried = Carried()
    assert all(carried.take(line) for line in log)
    with pytest.raises(ResultsError, match="damaged"):
        carried.archive()


def test_a_log_without_results_has_none():
    """A job that was refused sends nothing back."""
    carried = Carried()
    assert not carried.take("error: --data: expected a file")
    assert carried.archive() is None


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "trials/../../evil",
        ".bashrc",
        "trials/.hidden",
        "a\\..\\evil",
        "trials//evil",
        "sitecustomize.py",
        "trials/sitecustomize.py",
        "study.toml/",
        "trials/part-1.parquet.py",
        "trials/part-\x1b.parquet",
        "STUDY.TOML",
        "trials",
    ],
)
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    """Nothing of such an archive is written, not even its good files."""
    with pytest.raises(ResultsError, match="nothing was written"):
        unpack(zipped("study.toml", name), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_leads_out_is_not_followed(tmp_path):
    """A folder of the results directory that is a link to another place takes no file."""
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    out.mkdir()
    (out / "trials").symlink_to(elsewhere)
    with pytest.raises(ResultsError, match="nothing was written"):
        unpack(zipped("trials/part-1.parquet"), out)
    assert list(elsewhere.iterdir()) == []


def test_a_link_in_the_archive_is_a_plain_file(tmp_path):
    """An archive cannot make links: what claims to be one is written as the text that it holds."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        member = zipfile.ZipInfo("trials.csv")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(member, "/etc/passwd")
    unpack(buffer.getvalue(), tmp_path / "out")
    assert not (tmp_path / "out" / "trials.csv").is_symlink()
    assert (tmp_path / "out" / "trials.csv").read_text() == "/etc/passwd"


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    """What unpacks to more than the limit is refused before it is unpacked."""
    monkeypatch.setattr(archive, "UNPACKED_LIMIT_BYTES", 2)
    with pytest.raises(ResultsError, match="unpack to more than"):
        unpack(zipped("study.toml", "trials.csv", "report.html"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def damaged(how):
    """An archive that no zip program would unpack as it is."""
    whole = bytearray(zipped("study.toml", "trials.csv"))
    if how == "no zip":
        return b"PK" + bytes(100)
    if how == "cut":
        return bytes(whole[:-10])
    first, listed = whole.index(b"PK\3\4"), whole.index(b"PK\1\2")
    if how == "another byte":
        whole[first + 30 + len("study.toml")] ^= 1
    elif how == "encrypted":
        whole[first + 6] |= 1
        whole[listed + 8] |= 1
    elif how == "unknown compression":
        whole[first + 8] = whole[listed + 10] = 97
    elif how == "another name inside":
        whole[first + 30] ^= 1
    return bytes(whole)


@pytest.mark.parametrize(
    "how", ["no zip", "cut", "another byte", "encrypted", "unknown compression", "another name inside"]
)
def test_an_archive_that_cannot_be_read_is_told_in_a_line(tmp_path, how):
    """And nothing of it is written, not even what could be read."""
    with pytest.raises(ResultsError, match="cannot be read") as refused:
        unpack(damaged(how), tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_log_takes_no_more_than_results_may_be(monkeypatch):
    """Lines without end are not kept: what came is no archive then."""
    monkeypatch.setattr(archive, "_MOST_LINES", 10)
    carried = Carried()
    for line in lines(b"x" * 300_000):
        carried.take(line)
    with pytest.raises(ResultsError, match="damaged"):
        carried.archive()


def test_every_file_of_a_results_directory_may_travel():
    """The names that a results directory is said to have are those that are packed; a lock stays."""
    from regfleet import results

    listed = results.__doc__.partition("\n\n")[2].partition("\n\n")[0]
    names = re.findall(r"[\w/*-]+\.(?:toml|json|log|html|csv|sha256|parquet)\b", listed)
    assert len(names) > 8
    for name in names:
        assert archive.is_result(name.replace("*", "0123456789abcdef"))
    assert not archive.is_result(".lock")
