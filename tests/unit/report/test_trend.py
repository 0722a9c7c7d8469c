"""Studies over time on a published site: which runs belong together, what is kept and told of them, and the feed."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from datetime import datetime
from urllib.parse import urlsplit

import pytest
from support.published import SCORES, run_in

from regfleet.errors import InputError
from regfleet.report.publish import publish

ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


def text_of(file):
    """The words of a page."""
    plain = re.sub(r"</?(bdi|span)[^>]*>", "", file.read_text(encoding="utf-8"))
    return " ".join(re.sub(r"<[^>]+>", " ", plain).split())


def manifest_of(site):
    """What a site keeps."""
    return json.loads((site / "regfleet-site.json").read_text(encoding="utf-8"))


def files_of(site):
    """Name → content of every file of a site."""
    return {file.relative_to(site).as_posix(): file.read_bytes() for file in site.rglob("*") if file.is_file()}


def test_runs_of_a_study_make_a_page_over_time(tmp_path):
    """It has every run with what changed before it, every score with its interval, figures; the same bytes again."""
    runs = [
        run_in(tmp_path / "mon", "2026-11-02"),
        run_in(tmp_path / "tue", "2026-11-03", keras="3.16.0", memory=7.9, scores=SCORES | {"none": 0.91}),
        run_in(tmp_path / "wed", "2026-11-04", keras="3.16.0", rows=120, epochs=20),
        run_in(tmp_path / "thu", "2026-11-05", keras="3.16.0", rows=120, epochs=20, scores={"none": 0.9, "l1": 0.9}),
    ]
    made = publish(runs[:3], tmp_path / "site")
    assert made.trends == 1
    page = text_of(tmp_path / "site/trends/churn.html")
    assert "churn over time" in page
    assert "3 runs of one study" in page
    assert "Vkeras 3.15.1 → 3.16.0" in page
    assert "D100 → 120 rows" in page
    assert "Sepochs 10 → 20" in page
    assert "memory" not in page
    source = (tmp_path / "site/trends/churn.html").read_text(encoding="utf-8")
    assert source.count('<svg class="plate"') == len(SCORES)
    assert "2 Nov 2026: 90.0\u202f% (85.0–95.0), control; 3 Nov 2026: 91.0\u202f% (86.0–96.0), control" in source
    links = set(re.findall(r'href="([^"]+)"', source))
    assert links == {"../index.html", "churn.csv", *(f"../{name}/report.html" for name in ("mon", "tue", "wed"))}
    rows = list(csv.DictReader(io.StringIO((tmp_path / "site/trends/churn.csv").read_text())))
    assert [(row["run"], row["variant"], float(row["mean"])) for row in rows if row["run"] == "tue"] == [
        ("tue", name, mean) for name, mean in (SCORES | {"none": 0.91}).items()
    ]
    before = files_of(tmp_path / "site")
    assert publish(runs[:3], tmp_path / "site").written == ()
    for one in runs[:3]:
        publish([one], tmp_path / "other")
    assert files_of(tmp_path / "other") == files_of(tmp_path / "site") == before
    # A run of other techniques is another study, which its title says.
    assert publish(runs[3:], tmp_path / "site").trends == 1
    index = text_of(tmp_path / "site/index.html")
    assert "churn over time 3 runs, 2 Nov 2026 to 4 Nov 2026" in index
    assert "2 earlier reports of this study" in index
    assert "thu: churn · with L1" in index


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({}, True),
        ({"scores": {"none": 0.8, "dropout(0.5)@all": 0.9, "l1(0.1)@all": 0.9, "mixup(0.2)": 0.9}}, True),
        ({"scores": {"none": 0.8, "dropout(0.5)@all": 0.9, "l1(0.1)@all": 0.9}}, True),
        ({"scores": {"none": 0.8, "l1(0.1)@all": 0.9, "mixup(0.2)": 0.9}}, False),
        ({"data": "loans"}, False),
        ({"target": "stayed"}, False),
        ({"metric": "auc"}, False),
    ],
)
def test_what_makes_runs_one_study(tmp_path, other, same):
    """The same data by name and target, the same metric, and half of the techniques of the run that has fewer."""
    runs = [run_in(tmp_path / "a", "2026-11-02"), run_in(tmp_path / "b", "2026-11-03", **other)]
    assert publish(runs, tmp_path / "site").trends == same


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("rmse", "root mean squared error; lower is better."),
        ("recall:yes", "higher is better."),
        ("luck", "test luck."),
    ],
)
def test_a_page_says_which_scores_are_better(tmp_path, metric, said):
    """As far as that is known of a metric; its scores are shown in any case."""
    runs = [run_in(tmp_path / day, day, metric=metric, scores={"none": 0.9}) for day in ("2026-11-02", "2026-11-03")]
    publish(runs, tmp_path / "site")
    assert said in text_of(tmp_path / "site/trends/churn.html")
    assert "0.9" in text_of(tmp_path / "site/trends/churn.html") or "90.0" in text_of(
        tmp_path / "site/trends/churn.html"
    )


def test_a_report_that_is_replaced_leaves_its_scores(tmp_path):
    """The next run in a directory of the same name replaces the report; one that went on replaces its own scores."""
    for night, day in enumerate(("2026-11-02", "2026-11-03", "2026-11-04")):
        folder = run_in(tmp_path / str(night) / "churn", day, scores=SCORES | {"none": 0.9 + night / 100})
        publish([folder], tmp_path / "site")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "site/trends/churn.csv").read_text())))
    nights = [(row["finished"][:10], row["report"], row["mean"]) for row in rows if row["variant"] == "none"]
    assert nights == [
        ("2026-11-02", "", "0.9"),
        ("2026-11-03", "", "0.91"),
        ("2026-11-04", "churn/report.html", "0.92"),
    ]
    page = text_of(tmp_path / "site/trends/churn.html")
    assert page.count("replaced by a later run") == 2
    on = run_in(tmp_path / "on" / "churn", "2026-11-05", began="2026-11-04")
    publish([on], tmp_path / "site")
    runs = manifest_of(tmp_path / "site")["runs"]
    assert [run["finished"][:10] for run in runs] == ["2026-11-02", "2026-11-03", "2026-11-05"]


def test_a_site_from_before_there_were_trends_gets_them(tmp_path):
    """The runs of what it holds are read from its own files; a report without any keeps its card alone."""
    publish([run_in(tmp_path / "mon", "2026-11-02"), run_in(tmp_path / "tue", "2026-11-03")], tmp_path / "site")
    bare = run_in(tmp_path / "bare", "2026-11-01")
    (bare / "leaderboard.csv").write_text("rank,variant\n1,none\n")
    for name in ("churn.html", "churn.csv"):
        (tmp_path / "site/trends" / name).unlink()
    table = manifest_of(tmp_path / "site")
    del table["runs"]
    table["files"] = {name: one for name, one in table["files"].items() if not name.startswith("trends")}
    (tmp_path / "site/regfleet-site.json").write_text(json.dumps(table))
    assert publish([bare], tmp_path / "site").trends == 1
    assert "2 runs of one study" in text_of(tmp_path / "site/trends/churn.html")
    assert "bare: churn" in text_of(tmp_path / "site/index.html")


def test_hostile_names_of_runs_are_escaped(tmp_path):
    """Names of data, variants and versions become neither markup nor script, in no page and in no feed."""
    scores = {"none": 0.9, HOSTILE: 0.8}
    facts = {"data": HOSTILE.replace('"', ""), "scores": scores}
    runs = [
        run_in(tmp_path / "a", "2026-11-02", **facts),
        run_in(tmp_path / "b", "2026-11-03", keras=HOSTILE, **facts),
    ]
    publish(runs, tmp_path / "site", base_url="https://reports.example")
    (page,) = (tmp_path / "site/trends").glob("*.html")
    for file in (page, tmp_path / "site/index.html", tmp_path / "site/feed.xml"):
        text = file.read_text(encoding="utf-8")
        assert "<img" not in text.lower()
        assert "\u202e" not in text
    ET.parse(tmp_path / "site/feed.xml")


def test_the_feed_is_atom(tmp_path):
    """What RFC 4287 asks of it, absolute links, an id for every run, and none where the address is not known."""
    first = run_in(tmp_path / "a", "2026-11-02")
    assert publish([first], tmp_path / "site").feed is None
    assert not (tmp_path / "site/feed.xml").exists()
    assert "feed" not in (tmp_path / "site/index.html").read_text()
    publish([first, run_in(tmp_path / "unknown", "", data="x")], tmp_path / "site", base_url="https://R.example:8/m")
    publish([run_in(tmp_path / "b", "2026-11-03", keras="4.0")], tmp_path / "site")  # the address stays known
    root = ET.parse(tmp_path / "site/feed.xml").getroot()
    assert root.tag == f"{ATOM}feed"
    assert root.findtext(f"{ATOM}id") == "https://r.example:8/m/"
    assert root.findtext(f"{ATOM}author/{ATOM}name")
    assert root.findtext(f"{ATOM}updated") == "2026-11-03T03:10:00Z"
    links = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    assert links == {"self": "https://r.example:8/m/feed.xml", "alternate": "https://r.example:8/m/"}
    entries = root.findall(f"{ATOM}entry")
    assert [entry.find(f"{ATOM}link").get("href") for entry in entries] == [
        "https://r.example:8/m/b/report.html",
        "https://r.example:8/m/a/report.html",
    ]
    for entry in entries:
        assert urlsplit(entry.findtext(f"{ATOM}id")).scheme
        assert datetime.fromisoformat(entry.findtext(f"{ATOM}updated")).tzinfo
        assert entry.findtext(f"{ATOM}title")
    assert "keras 3.15.1 → 4.0" in entries[0].findtext(f"{ATOM}summary")
    assert '<link rel="alternate" type="application/atom+xml"' in (tmp_path / "site/index.html").read_text()
    before = {entry.findtext(f"{ATOM}id") for entry in entries}
    publish([run_in(tmp_path / "later" / "b", "2026-11-09")], tmp_path / "site", base_url="https://moved.example")
    after = {one.findtext(f"{ATOM}id") for one in ET.parse(tmp_path / "site/feed.xml").getroot().iter(f"{ATOM}entry")}
    assert len(before & after) == 1  # that of the report that is still there; a new run is news


@pytest.mark.parametrize(
    "text",
    ["reports.example", "ftp://a.example", "https://", "https://u:p@a.example", "https://a.example/?q", "https://a b.c",
     "https://a.example:99999", "javascript:alert(1)", "https://a.example/\u202e", "https://[::1"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(tmp_path, text):
    """One line names the flag, and nothing is written."""
    with pytest.raises(InputError, match=r"^--base-url: expected the address of the site") as refused:
        publish([run_in(tmp_path / "a", "2026-11-02")], tmp_path / "site", base_url=text)
    assert "u:p" not in str(refused.value)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [*(("study", text) for text in ("../../evil", "/etc/x", "", "A")), ("folder", "../a"), ("scores", [])],
)
def test_a_manifest_leads_to_no_other_place(tmp_path, name, value):
    """A site of somebody else that names a page outside of it is refused."""
    publish([run_in(tmp_path / "a", "2026-11-02")], tmp_path / "site")
    table = manifest_of(tmp_path / "site")
    table["runs"][0][name] = value
    (tmp_path / "site/regfleet-site.json").write_text(json.dumps(table))
    with pytest.raises(InputError, match=r"--site: expected .*regfleet-site.json as regfleet wrote it"):
        publish([run_in(tmp_path / "b", "2026-11-03")], tmp_path / "site")
