"""No command writes over what regfleet did not write: analyze, report --figures, Results.report, publish, init."""

import json
import os
from itertools import islice

import pytest

import regfleet
from regfleet.errors import InputError, ResultsError
from regfleet.paths import read_sums, write_listed
from regfleet.report import gallery, render
from regfleet.report.publish import publish
from regfleet.results import place_of, write_study

SCORES = "technique,seed,accuracy,n_train,n_test\n" + "".join(
    f"{name},{seed},0.9{seed}{extra},90,30\n" for seed in range(4) for name, extra in (("none", 0), ("l2", 5))
)


def contents(folder):
    """Every file below a folder with its bytes; a link with where it leads."""
    return {
        path.relative_to(folder).as_posix(): path.readlink() if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def refused(command, *arguments):
    """Fail unless the command ends with code 2 and one line."""
    code, out, err = command(*arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1), (code, out, err)
    return err


@pytest.fixture
def scores(tmp_path):
    """A file of scores, where commands run."""
    (tmp_path / "scores.csv").write_text(SCORES)
    return tmp_path / "scores.csv"


@pytest.mark.parametrize(
    "theirs",
    [
        {"trials.csv": SCORES},
        {"trials.csv": "mine"},
        {"leaderboard.csv": "mine"},
        {"report.html": "<html>mine</html>"},
        {"regfleet.sha256": f"{'0' * 64} *thesis.tex\n"},
        {"notes.txt": "mine"},
    ],
)
def test_analyze_takes_no_folder_of_somebody_elses(command, scores, theirs):
    """Whatever the names of its files, and also when the scores lie in it."""
    folder = scores.parent / "d"
    folder.mkdir()
    for name, text in theirs.items():
        (folder / name).write_text(text)
    before = contents(folder)
    source = folder / "trials.csv" if theirs.get("trials.csv") == SCORES else scores
    assert "--out: expected an empty directory or a report on scores; got d, with " in refused(
        command, "analyze", source, "--out", "d"
    )
    assert contents(folder) == before


def test_analyze_writes_over_its_own_report(command, scores):
    """Again into the same folder, also one of a version without a list, or of a run that was killed on its way."""
    assert command("analyze", scores, "--out", "d")[0] == 0
    made = contents(scores.parent / "d")
    assert read_sums(made["regfleet.sha256"].decode()).keys() == {"report.html", "leaderboard.csv", "trials.csv"}
    for less in ((), ("regfleet.sha256",), ("regfleet.sha256", "trials.csv")):
        for name in less:
            (scores.parent / "d" / name).unlink()
        assert command("analyze", scores, "--out", "d")[0] == 0
        assert contents(scores.parent / "d").keys() == made.keys()
    (scores.parent / "d" / "trials.csv").write_text("mine")
    assert "with trials.csv" in refused(command, "analyze", scores, "--out", "d")


def test_analyze_does_not_write_over_its_own_input(command, scores):
    """The trials of an earlier report are scores of ours by form: read from where they would be written, they stay."""
    folder = scores.parent / "d"
    assert command("analyze", scores, "--out", "d")[0] == 0
    (folder / "link.csv").symlink_to("trials.csv")
    before = contents(folder)
    for source in ("d/trials.csv", "d/link.csv"):
        refused(command, "analyze", source, "--metric", "last_test_accuracy", "--out", "d")
        assert contents(folder) == before


@pytest.fixture
def few(monkeypatch, make_study):
    """The report has one figure only, drawn once."""
    drawn = tuple(islice(gallery.plates(make_study(epochs=3).summary), 1))
    monkeypatch.setattr(gallery, "plates", lambda _: drawn)


@pytest.mark.usefixtures("few")
def test_figures_go_beside_other_files_and_never_over_one(tmp_path, monkeypatch):
    """A folder of a paper keeps its files; a figure of the same name, changed by hand or a link, stops the command."""
    folder = tmp_path / "paper"
    folder.mkdir()
    (folder / "thesis.tex").write_text("mine")
    names = sorted(path.name for path in gallery.export(None, folder))
    assert sorted(contents(folder)) == sorted([*names, "regfleet.sha256", "thesis.tex"])
    assert sorted(path.name for path in gallery.export(None, folder)) == names
    for name in (names[0], names[-1]):
        for spoil in (lambda path: path.write_text("mine"), lambda path: path.symlink_to("thesis.tex")):
            (folder / name).unlink()
            spoil(folder / name)
            before = contents(folder)
            with pytest.raises(InputError, match=rf"^--figures: expected no file that regfleet did not .*{name}$"):
                gallery.export(None, folder)
            assert contents(folder) == before
        (folder / name).unlink()
    gallery.export(None, folder)
    (folder / "regfleet.sha256").unlink()  # then they may as well be another program's
    with pytest.raises(InputError, match=r"^--figures: expected no file that regfleet did not "):
        gallery.export(None, folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    gallery.export(None, "~/figures")
    assert sorted(contents(tmp_path / "figures")) == sorted([*names, "regfleet.sha256"])
    assert not (tmp_path / "~").exists()


def test_a_report_goes_over_a_report_only(filled, tmp_path, monkeypatch):
    """The page that a script asks for is written to a new file, or over an earlier page."""
    variants = [{"technique": "none"}, {"technique": "l2"}]
    filled(tmp_path / "out", {"seeds": [0, 1], "variant": variants}, {"none": (20, 21), "l2(0.01)@all": (23, 22)})
    (tmp_path / "thesis.tex").write_text("mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    results = regfleet.load(tmp_path / "out")
    for _ in range(2):
        assert results.report("~/page.html") == tmp_path / "page.html"
    with pytest.raises(InputError, match=r"^path: expected a new file or a report; got .*thesis\.tex"):
        results.report(tmp_path / "thesis.tex")
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_a_killed_run_finds_its_files_again(tmp_path):
    """Whatever of the files was written when it was killed, all of them are ours the next time; then no more."""
    new, old = {"a.svg": b"new a", "b.svg": b"new b"}, {"a.svg": b"old a", "b.svg": b"old b"}
    write_listed(tmp_path, old.items(), "--figures")

    class KilledError(BaseException):
        pass

    def killed(*_):
        raise KilledError

    for step in range(4):
        with pytest.MonkeyPatch.context() as patch:
            calls = iter([*[os.replace] * step, killed])
            patch.setattr("pathlib.Path.replace", lambda path, to, calls=calls: next(calls)(path, to))
            with pytest.raises(KilledError):
                write_listed(tmp_path, new.items(), "--figures")
        write_listed(tmp_path, (old if step % 2 else new).items(), "--figures")
    assert set(contents(tmp_path)) == {"a.svg", "b.svg", "regfleet.sha256"}
    assert {name: len(hashes) for name, hashes in read_sums((tmp_path / "regfleet.sha256").read_text()).items()} == {
        "a.svg": 1,
        "b.svg": 1,
    }


ROW = {"label": "l", "rank": 1, "score": "1", "difference": "", "symbol": "▲", "verdict": "Better"}
DATA = {"name": "iris", "verdict": "v", "metric": "accuracy", "leaderboard": [ROW]}
ENTRY = {"title": "t", "model": "m", "finished": "", "datasets": [DATA]}
MANIFESTS = {
    "another program's": {"version": 3},
    "a list": [],
    "no tables": {"entries": [], "files": []},
    "an entry of text": {"entries": {"iris": "x"}, "files": {}},
    "an empty entry": {"entries": {"iris": {}}, "files": {}},
    "data sets of numbers": {"entries": {"iris": ENTRY | {"datasets": [1]}}, "files": {}},
    "no leaderboard": {"entries": {"iris": ENTRY | {"datasets": [{"name": "iris"}]}}, "files": {}},
    "rows of text": {
        "entries": {"iris": ENTRY | {"datasets": [DATA | {"leaderboard": ["x"]}]}},
        "files": {},
    },
    "a title of lists": {"entries": {"iris": ENTRY | {"title": ["a"]}}, "files": {}},
    "files of its own": {"entries": {"iris": ENTRY | {"files": ["../../etc/passwd"]}}, "files": {}},
    "a folder elsewhere": {"entries": {"../..": ENTRY}, "files": {}},
    "a script for a folder": {"entries": {"javascript:alert(1)//": ENTRY}, "files": {}},
    "no folder": {"entries": {"": ENTRY}, "files": {}},
    "hashes of numbers": {"entries": {}, "files": {"index.html": 7}},
}


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_a_foreign_manifest_is_refused(page, tmp_path, manifest):
    """A file that only looks like a site's manifest is named in one line, and the site stays as it is."""
    site = report_and_site(page, tmp_path)
    (site / "regfleet-site.json").write_text(json.dumps(manifest))
    before = contents(site)
    with pytest.raises(InputError, match=r"--site: expected .*regfleet-site\.json as regfleet wrote it"):
        publish([tmp_path / "r"], site)
    assert contents(site) == before


@pytest.fixture(scope="module")
def page(make_study, article):
    """The page of a small study."""
    return render(make_study(epochs=3, entries=article()[:3]))


def report_and_site(page, tmp_path):
    """A results directory ``r`` with a report, and a site that is still empty."""
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "report.html").write_text(page, encoding="utf-8")
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


def test_a_published_file_that_was_changed_stays(page, tmp_path):
    """What a person made of our report is not written over, nor through a link; the same content is fine."""
    site = report_and_site(page, tmp_path)
    publish([tmp_path / "r"], site)
    published = site / "r" / "report.html"
    published.write_text("mine")
    before = contents(site)
    with pytest.raises(InputError, match=r"which holds r/report\.html, which was changed since"):
        publish([tmp_path / "r"], site)
    assert contents(site) == before
    published.write_text(page, encoding="utf-8")
    assert publish([tmp_path / "r"], site).written == ()
    published.parent.rename(tmp_path / "elsewhere")
    (site / "r").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "report.html").unlink()
    with pytest.raises(InputError, match="expected a folder of its own for each report"):
        publish([tmp_path / "r"], site)
    assert contents(tmp_path / "elsewhere") == {}


def test_a_report_that_was_damaged_is_not_published(page, tmp_path):
    """Its list of checksums says so, and what to do."""
    site = report_and_site(page, tmp_path)
    (tmp_path / "r" / "regfleet.sha256").write_text(f"{'0' * 64}  report.html\n")
    with pytest.raises(ResultsError, match=r"report\.html: expected what regfleet wrote; .* Run: regfleet report"):
        publish([tmp_path / "r"], site)
    (tmp_path / "r" / "regfleet.sha256").unlink()
    write_study(place_of(tmp_path / "r"), "seeds = 3\n")
    (tmp_path / "r" / "study.toml").write_text((tmp_path / "r" / "study.toml").read_text().replace("3\n", "4\n"))
    with pytest.raises(ResultsError, match=r"study\.toml: expected what regfleet wrote; .* Run: regfleet doctor"):
        publish([tmp_path / "r"], site)
    assert contents(site) == {}


def test_a_directory_called_as_a_file_of_the_site_gets_another_name(page, tmp_path):
    """The index is a file, so no report's folder is called like it."""
    site = report_and_site(page, tmp_path)
    (tmp_path / "r").rename(tmp_path / "index.html")
    assert publish([tmp_path / "index.html"], site).index.is_file()
    assert (site / "index.html-2" / "report.html").exists()


def test_init_writes_a_new_file_or_over_one_that_it_is_told_to(command, tmp_path, monkeypatch):
    """--force takes a file; a link and a FIFO are no file, and a home folder is found."""
    (tmp_path / "theirs.toml").write_text("mine")
    (tmp_path / "link.toml").symlink_to("theirs.toml")
    os.mkfifo(tmp_path / "fifo.toml")
    for name in ("theirs.toml", "link.toml", "fifo.toml"):
        assert "which exists" in refused(command, "init", "--out", name)
    for name in ("link.toml", "fifo.toml", "."):
        refused(command, "init", "--out", name, "--force")
    assert (tmp_path / "theirs.toml").read_text() == "mine"
    assert command("init", "--out", "theirs.toml", "--force")[0] == 0
    assert "[training]" in (tmp_path / "theirs.toml").read_text()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert command("init", "--out=~/home.toml")[0] == 0
    assert (tmp_path / "home.toml").exists()
    assert not (tmp_path / "~").exists()
