"""The published site, without a browser."""

import json
import re
from contextlib import suppress

import pytest

from regfleet import atomic
from regfleet.errors import InputError, ResultsError
from regfleet.report import exports, render
from regfleet.report.index import _facts
from regfleet.report.publish import publish
from regfleet.report.trend import Run, Score


@pytest.fixture(scope="module")
def results(make_study, article, tmp_path_factory):
    """Two results directories with small reports."""
    root = tmp_path_factory.mktemp("results")
    for name, seeds in (("iris", 5), ("wine", 3)):
        study = make_study(datasets=(name,), seeds=seeds, epochs=5, entries=article()[:4])
        (root / name).mkdir()
        (root / name / "report.html").write_text(render(study), encoding="utf-8")
        (root / name / "leaderboard.csv").write_text(exports.leaderboard_csv(study.summary), encoding="utf-8")
        (root / name / "study.toml").write_text(study.facts.study_toml, encoding="utf-8")
    return root


def snapshot(folder):
    """Every file below ``folder`` with its bytes and time."""
    return {
        file.relative_to(folder).as_posix(): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_site_has_an_index_and_the_reports_with_downloads(results, tmp_path):
    """Each report lies in a folder of its name with what can be downloaded, and the index leads there."""
    made = publish([results / "iris", results / "wine"], tmp_path / "site")
    assert (made.reports, made.new) == (2, True)
    assert set(snapshot(tmp_path / "site")) == {
        "index.html",
        "regfleet-site.json",
        *(f"{name}/{file}" for name in ("iris", "wine") for file in ("report.html", "leaderboard.csv", "study.toml")),
    }
    index = made.index.read_text(encoding="utf-8")
    links = set(re.findall(r'href="([^"]+)"', index))
    assert links == {
        f"{name}/{file}" for name in ("iris", "wine") for file in ("report.html", "leaderboard.csv", "study.toml")
    }
    assert (tmp_path / "site/iris/report.html").read_bytes() == (results / "iris/report.html").read_bytes()


def test_publishing_again_writes_nothing(results, tmp_path):
    """When nothing changed no file is touched."""
    publish([results / "iris", results / "wine"], tmp_path)
    before = snapshot(tmp_path)
    again = publish([results / "iris", results / "wine"], tmp_path)
    assert (again.written, again.new) == ((), False)
    assert snapshot(tmp_path) == before


def test_publishing_one_more_keeps_the_others(results, tmp_path):
    """A second call adds its report, and the site is the one that a single call makes."""
    publish([results / "wine"], tmp_path / "a")
    made = publish([results / "iris"], tmp_path / "a")
    assert made.reports == 2
    publish([results / "iris", results / "wine"], tmp_path / "b")
    contents = [{name: content for name, (content, _) in snapshot(tmp_path / site).items()} for site in "ab"]
    assert contents[0] == contents[1]


@pytest.mark.parametrize("writes", [1, 2, 3, 4])
def test_a_killed_run_and_another_after_it_lose_nothing(results, tmp_path, monkeypatch, writes):
    """Wherever a run is killed: another report can be published, and then its own, as if nothing had been."""
    (tmp_path / "iris").mkdir()
    content = (results / "iris/report.html").read_text(encoding="utf-8")
    (tmp_path / "iris/report.html").write_text(content, encoding="utf-8")
    (tmp_path / "iris/study.toml").write_text("seeds = 3\n", encoding="utf-8")
    publish([tmp_path / "iris"], tmp_path / "site")
    (tmp_path / "iris/report.html").write_text(f"{content}\n", encoding="utf-8")
    (tmp_path / "iris/study.toml").write_text("seeds = 4\n", encoding="utf-8")
    left = iter(range(writes))

    def write(path, blocks):
        if next(left, None) is None:
            raise KeyboardInterrupt
        true_write(path, blocks)

    true_write = atomic.write
    monkeypatch.setattr(atomic, "write", write)
    with suppress(KeyboardInterrupt):
        publish([tmp_path / "iris"], tmp_path / "site")
    monkeypatch.undo()
    publish([results / "wine"], tmp_path / "site")
    publish([tmp_path / "iris"], tmp_path / "site")
    assert "before" not in json.loads((tmp_path / "site/regfleet-site.json").read_text(encoding="utf-8"))
    assert (tmp_path / "site/iris/study.toml").read_text(encoding="utf-8") == "seeds = 4\n"


def test_an_entry_of_another_version_is_taken_for_what_is_known_of_it(results, tmp_path):
    """What it lacks is empty, and what nobody knows goes."""
    publish([results / "iris"], tmp_path)
    manifest = tmp_path / "regfleet-site.json"
    table = json.loads(manifest.read_text(encoding="utf-8"))
    row = table["entries"]["iris"]["datasets"][0]["leaderboard"][0]
    del row["difference"], row["rank"]
    manifest.write_text(json.dumps(table | {"entries": {"iris": table["entries"]["iris"] | {"colour": "red"}}}))
    publish([results / "wine"], tmp_path)
    entry = json.loads(manifest.read_text(encoding="utf-8"))["entries"]["iris"]
    assert "colour" not in entry
    assert entry["datasets"][0]["leaderboard"][0] == row | {"difference": "", "rank": None}


def test_foreign_files_are_neither_removed_nor_overwritten(results, tmp_path):
    """Files of others stay; one that stands where ours must go is an error, and nothing is written."""
    (tmp_path / "CNAME").write_text("reports.example", encoding="utf-8")
    publish([results / "iris"], tmp_path)
    assert (tmp_path / "CNAME").read_text(encoding="utf-8") == "reports.example"
    (tmp_path / "wine").mkdir()
    (tmp_path / "wine" / "report.html").write_text("mine", encoding="utf-8")
    before = snapshot(tmp_path)
    with pytest.raises(
        InputError, match=r"--site: expected a new folder or a published site; .* holds wine/report.html"
    ):
        publish([results / "wine"], tmp_path)
    assert snapshot(tmp_path) == before


def test_directories_of_one_name_do_not_collide(results, tmp_path):
    """Two directories that are called the same are both published."""
    other = tmp_path / "elsewhere" / "iris"
    other.mkdir(parents=True)
    (other / "report.html").write_bytes((results / "wine/report.html").read_bytes())
    publish([results / "iris", other], tmp_path / "site")
    assert (tmp_path / "site/iris/report.html").read_bytes() == (results / "iris/report.html").read_bytes()
    assert (tmp_path / "site/iris-2/report.html").read_bytes() == (results / "wine/report.html").read_bytes()
    (tmp_path / "link").symlink_to(other)
    assert publish([other, f"{other}/", tmp_path / "link", other / "../iris"], tmp_path / "once").reports == 1


@pytest.mark.parametrize(
    "content",
    [
        None,
        "<html>not ours</html>",
        *(
            f'<script type="application/json" id="entry">{text}</script>'
            for text in ("{]", '{"title": "", "model": "", "finished": "", "datasets": 1}')
        ),
    ],
)
def test_what_is_no_report_is_refused(content, tmp_path):
    """A folder without a report, or with somebody else's, is named."""
    (tmp_path / "x").mkdir()
    if content:
        (tmp_path / "x/report.html").write_text(content, encoding="utf-8")
    with pytest.raises(ResultsError, match=r"x.*expected a re(port|sults directory)"):
        publish([tmp_path / "x"], tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_verdicts_can_be_chosen_whole(make_study, article, tmp_path):
    """A verdict of three words is one choice, and stands in the table behind its symbol."""
    study = make_study(epochs=5, lost={"l2(0.01)@all": None}, missing=10, entries=article()[:5])
    (tmp_path / "r").mkdir()
    (tmp_path / "r/report.html").write_text(render(study), encoding="utf-8")
    index = publish([tmp_path / "r"], tmp_path / "site").index.read_text(encoding="utf-8")
    assert "<option>No trial yet</option>" in index
    assert "<option>Control</option>" not in index
    assert re.search(r"<td>(●|▲) (Undecided|Better)</td>", index)


def as_first_written(entry):
    """What a report said of itself when a verdict's symbol and word were one text."""
    for row in (row for data in entry["datasets"] for row in data["leaderboard"]):
        row["verdict"] = f"{row.pop('symbol')} {row['verdict']}"
    return entry


def test_the_first_reports_can_be_published(results, tmp_path):
    """They wrote a verdict's symbol and word as one text: the index takes both, from a page and from a site."""
    page = (results / "iris/report.html").read_text(encoding="utf-8")
    own = re.search(r'id="entry">(.*?)</script>', page)[1]
    (tmp_path / "old").mkdir()
    old = page.replace(own, json.dumps(as_first_written(json.loads(own))))
    (tmp_path / "old/report.html").write_text(old, encoding="utf-8")
    index = publish([tmp_path / "old"], tmp_path / "site").index.read_text(encoding="utf-8")
    assert "<td>◆ Control</td>" in index
    manifest = tmp_path / "site/regfleet-site.json"
    table = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(table | {"entries": {"old": as_first_written(table["entries"]["old"])}}))
    again = publish([results / "wine"], tmp_path / "site").index.read_text(encoding="utf-8")
    assert again.count("<td>◆ Control</td>") == 2 * index.count("<td>◆ Control</td>")


def test_a_torn_manifest_is_an_error(results, tmp_path):
    """The file is named, and nothing is lost by guessing."""
    (tmp_path / "regfleet-site.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"regfleet-site.json"):
        publish([results / "iris"], tmp_path)


def test_the_index_escapes_what_reports_say(rendered, tmp_path):
    """Names from reports become neither markup nor script, and the manifest holds no path of this machine."""
    (tmp_path / "r").mkdir()
    (tmp_path / "r/report.html").write_text(rendered("with_hostile_names"), encoding="utf-8")
    made = publish([tmp_path / "r"], tmp_path / "site")
    index = made.index.read_text(encoding="utf-8")
    assert index.count("<script") == 1
    assert "<img" not in index
    manifest = (tmp_path / "site/regfleet-site.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in manifest
    assert json.loads(manifest)["entries"]["r"]["files"] == []


def test_a_report_on_several_data_sets_shows_them_all_at_once(make_study, article, tmp_path):
    """Its card has the result over all, in place of the leaderboards of a few; each title says what it is about."""
    for name, sets in (("many", tuple(f"set{n}" for n in range(6))), ("one", ("iris",))):
        (tmp_path / name).mkdir()
        study = make_study(datasets=sets, seeds=5, epochs=5, entries=article()[:2])
        (tmp_path / name / "report.html").write_text(render(study), encoding="utf-8")
    index = publish([tmp_path / "many", tmp_path / "one"], tmp_path / "site").index.read_text(encoding="utf-8")
    many, one = re.findall(r"<article.*?</article>", index, re.DOTALL)
    assert "<bdi>many</bdi>: <bdi>6 data sets</bdi>" in many
    assert "On average over 6 data sets" in many
    assert many.count("<table>") == 1
    assert "Variant over 6 data sets" in many
    assert "<bdi>one</bdi>: <bdi>iris</bdi>" in one


def test_what_stands_beside_a_comparison_tells_no_reports_apart():
    """A subtitle says the split, and nothing of references or of what is left open."""
    card = {"datasets": ["iris"], "sections": [], "model": "8 relu"}
    settings = {"split": "random", "references": "no", "keep_predictions": "true", "interval": "auto", "epochs": "5"}
    score = Score("iris", "none", "No regularization", "", "control", 0.9, 0.8, 1.0, None, None, None)
    facts = _facts(card, Run(study="iris", folder="a", name="a", metric="accuracy", settings=settings, scores=(score,)))
    assert {name for name in facts if name in settings} == {"split", "epochs"}
