"""Results in an object store: what is promised of a directory holds for a bucket."""

import json
import logging
import os
import platform
import shlex
import time

import pandas as pd
import pytest
from support.kept import FIELDS, keep
from support.parsed import Page
from support.processes import wait_until

import regfleet
from regfleet import patience
from regfleet.concluding.judge import conclude
from regfleet.concluding.status import status
from regfleet.errors import InputError, ResultsError, StorageError
from regfleet.patience import Patience
from regfleet.report.publish import publish
from regfleet.results import Store, load, place_of
from regfleet.running.checkup import check_results
from regfleet.running.logs import log_to


def test_a_bucket_holds_what_a_directory_holds(write, url, tmp_path):
    """The same outcomes give the same frames, in many parts and merged into one."""
    here, there = write(place_of(tmp_path / "out")), write(place_of(url))
    for _ in range(2):
        mine, theirs = load(tmp_path / "out"), regfleet.load(url)
        assert mine.problems == theirs.problems == ()
        pd.testing.assert_frame_equal(mine.trials, theirs.trials, check_exact=True)
        pd.testing.assert_frame_equal(mine.histories, theirs.histories, check_exact=True)
        pd.testing.assert_frame_equal(mine.predictions, theirs.predictions, check_exact=True)
        here.merge()
        there.merge()
    assert list(there.place.sizes("trials")) == list(here.place.sizes("trials"))
    assert len(there.place.sizes("trials")) == 1


def test_parts_are_merged_in_a_bucket(url, command, tmp_path):
    """Its command is that of the whole, on the study file that the report has; nothing tells the keys of the URL."""
    for name, seeds in (("a", "0-1"), ("b", "2-4")):
        keep(tmp_path / name, FIELDS | {"seeds": seeds})
    with_keys = url.replace("s3://", "s3://someone:hunter2@")
    code, said, errors = command("merge", "a", "b", "--out", with_keys)
    assert (code, "from b: 9 trials\n" in said, "hunter2" in said + errors) == (0, True, False)
    assert len(load(place_of(url)).trials) == 15
    facts = json.loads(place_of(url).text("provenance.json"))
    assert facts["whole"] == shlex.join(
        ["regfleet", "compare", "study.toml", "--out", url.replace("s3://", "s3://***@")]
    )
    assert facts["whole"] in Page(place_of(url).text("report.html")).text


@pytest.mark.parametrize("where", ["here", "bucket"])
def test_a_file_is_replaced_whole_or_not_at_all(where, url, tmp_path):
    """What ends in the middle of its blocks, by Ctrl-C say, leaves the old file as it was and nothing beside it."""

    def cut_short():
        yield b"new"
        raise KeyboardInterrupt

    place = place_of(tmp_path if where == "here" else url)
    place.write("trials.csv", iter([b"old ", b"and whole"]))
    with pytest.raises(KeyboardInterrupt):
        place.write("trials.csv", cut_short())
    assert place.read("trials.csv") == b"old and whole"
    assert list(place.sizes("")) == ["trials.csv"]


def test_a_file_url_is_a_directory(write, tmp_path):
    """file:// names the same place as its path, spaces and all."""
    write(place_of(f"file://{tmp_path}/my%20study"))
    assert len(load(tmp_path / "my study").trials) == 8


def test_the_environment_names_the_endpoint(write, url, server, monkeypatch):
    """With AWS_ENDPOINT_URL set, s3://BUCKET/PREFIX is all that has to be given."""
    write(place_of(url))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{server}/")
    assert len(load(url.partition("?")[0]).trials) == 8


def test_a_report_is_written_published_and_watched_there(write, url, tmp_path):
    """Analysis, report, tables, a site and the status need no directory on this machine."""
    place = write(place_of(url)).place
    done = conclude(url)
    shown = url.partition("?")[0]
    assert done.report == f"{shown}/report.html"
    assert json.loads(done.json())["report"] == done.report
    assert place.text("leaderboard.csv").count("\n") == 3
    site = publish([url], tmp_path / "site")
    (page,) = (tmp_path / "site").glob("*/report.html")
    assert site.reports == 1
    assert page.read_bytes() == place.read("report.html")
    found = status(url)
    assert (found.done, found.planned, found.running, found.report) == (8, 8, False, done.report)
    assert "hunter2" not in found.json() + page.read_text()


def test_a_store_that_comes_back_costs_nothing(planned, url, monkeypatch):
    """A bucket that refuses two writes in a row gets the part at the third; one that stays away ends the run."""
    study, plan, outcomes = planned
    monkeypatch.setattr(patience, "SECONDS", Patience(store_pauses=(0.0, 0.0)))
    store = Store(url, {group.variant.name: group.variant for group in plan.groups})
    store.place.write("study.toml", study.toml().encode())
    true_write, refusals = store.place.write, [2]

    def write(name, content):
        if refusals[0]:
            refusals[0] -= 1
            raise ResultsError("--out: expected a bucket that can be written")
        true_write(name, content)

    monkeypatch.setattr(store.place, "write", write)
    store.append(outcomes[:1])
    assert len(load(url).trials) == 1
    refusals[0] = 3
    with pytest.raises(ResultsError, match="a bucket that can be written"):
        store.append(outcomes[1:])
    assert len(load(url).trials) == 1


def test_an_object_torn_on_its_way_is_named_and_set_aside(write, url):
    """Half a part costs its own trials; it is kept under another name."""
    store = write(place_of(url))
    name = next(iter(store.place.sizes("trials")))
    store.place.write(f"trials/{name}", store.place.read(f"trials/{name}")[:300])
    found = load(url)
    assert len(found.trials) == 7
    (said,) = store.set_aside(found.problems)
    assert said.endswith(f"set aside as {name.removesuffix('.parquet')}.torn")
    assert load(url).problems == ()


class Denied:
    """A file system that lets nobody read below ``folder``."""

    def __init__(self, true, folder):
        self._true, self._folder = true, folder

    def __getattr__(self, name):
        return getattr(self._true, name)

    def open_input_file(self, path):
        """As the store answers who has lost the right to read."""
        if f"/{self._folder}/" in path:
            raise OSError(f"When reading {path}: AWS Error ACCESS_DENIED during HeadObject operation")
        return self._true.open_input_file(path)


@pytest.mark.parametrize("folder", ["trials", "histories", "predictions"])
def test_an_object_that_may_not_be_read_now_is_not_torn(write, url, folder, monkeypatch):
    """A store that denies a part for now ends the command with exit code 3, and nothing is renamed."""
    monkeypatch.setattr(patience, "SECONDS", Patience(settle=0.0))
    place = write(place_of(url)).place
    before = list(place.sizes(folder))
    place.filesystem = Denied(place.filesystem, folder)
    for asked in (load, lambda denied: list(check_results(denied))):
        with pytest.raises(
            StorageError, match=r"expected results that can be read now; got .*ACCESS_DENIED"
        ) as refused:
            asked(place)
        assert refused.value.exit_code == 3
    assert list(place_of(url).sizes(folder)) == before
    assert len(load(url).trials) == 8


def test_results_in_a_bucket_are_checked_and_repaired(write, url, monkeypatch):
    """As in a directory: what is torn is set aside, the rest is whole, and somebody else's prefix is none of ours."""
    monkeypatch.setattr(patience, "SECONDS", Patience(settle=0.0))
    place = write(place_of(url)).place
    conclude(place)
    states = {one.name: one.state for one in check_results(url)}
    # No driver ran here.
    assert (states.pop("progress.json"), states.pop("provenance.json")) == ("note", "note")
    assert {*states.values()} == {"good"}
    name = next(iter(place.sizes("trials")))
    content = bytearray(place.read(f"trials/{name}"))
    content[300] ^= 4
    place.write(f"trials/{name}", bytes(content))
    found = {one.name: one.found for one in check_results(url)}
    assert found[f"trials/{name}"].endswith(f"set aside as {name.removesuffix('.parquet')}.torn")
    assert len(load(url).trials) == 7
    place_of(url.replace("?", "-theirs?")).write("study.toml", b"seeds = 3")
    with pytest.raises(ResultsError, match="expected a results directory"):
        list(check_results(url.replace("?", "-theirs?")))


def test_a_bucket_is_claimed_by_one_driver(url, monkeypatch):
    """A second driver is told who writes; it may begin when the first has ended, died or gone silent."""
    monkeypatch.setattr(patience, "SECONDS", Patience(settle=0.05))
    first, second = place_of(url), place_of(url)
    assert not first.in_use()
    with first.claim():
        assert second.in_use()
        words = rf"in use by process {os.getpid()} on {platform.node()}; .* lets go after 5 minutes"
        with pytest.raises(InputError, match=words), second.claim():
            pass
        monkeypatch.setattr(patience, "SECONDS", Patience(stale=-1.0))
        assert not second.in_use()
    monkeypatch.undo()
    assert not second.in_use()
    with second.claim():
        second.write(".lock", json.dumps({"owner": "x", "host": platform.node(), "process": 2**22 + 1}).encode())
        assert not first.in_use()


def test_of_two_drivers_that_start_together_one_goes_on(url, monkeypatch):
    """A driver whose lock is overwritten while it waits gives way."""
    monkeypatch.setattr(patience, "SECONDS", Patience(settle=0.05))
    other = json.dumps({"owner": "x", "host": "elsewhere", "process": 1}).encode()
    place = place_of(url)
    true_sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: (place.write(".lock", other), true_sleep(seconds)))
    with pytest.raises(InputError, match="in use by process 1 on elsewhere"), place.claim():
        pass
    assert place.read(".lock") == other


def test_the_lock_is_kept_fresh(url, monkeypatch):
    """While a driver works its lock is written again and again, unless somebody else took it."""
    monkeypatch.setattr(patience, "SECONDS", Patience(settle=0.0, refresh=0.05))
    place = place_of(url)
    with place.claim():
        place.remove(".lock")
        wait_until(place.in_use)
    assert not place.exists(".lock")


def test_a_refused_study_leaves_nothing(url, monkeypatch):
    """Bad input found after the claim takes what was begun away again."""
    monkeypatch.setattr(patience, "SECONDS", Patience(settle=0.0))
    place = place_of(url)
    claimed = place.claim()
    claimed.__enter__()
    place.write("study.toml", b"")
    refusal = InputError("--gpus-per-trial: …")
    assert not claimed.__exit__(InputError, refusal, None)
    assert dict(place.sizes("")) == {}


def test_somebody_elses_prefix_is_not_taken(url):
    """A prefix that holds something else is refused and stays as it was."""
    place = place_of(url)
    place.write("thesis.tex", b"")
    words = r"an empty or a results prefix; got s3://bucket/.*, with thesis\.tex"
    with pytest.raises(InputError, match=words), place.claim():
        pass
    assert list(place.sizes("")) == ["thesis.tex"]


def test_the_log_is_put_there_at_intervals_and_at_the_end(url, monkeypatch):
    """A reader of the bucket follows the log; a later run goes on where it ended, and secrets stay out of it."""
    monkeypatch.setattr(patience, "SECONDS", Patience(log=0.05))
    place = place_of(url)
    with place.appending("regfleet.log") as path, log_to(path):
        logging.getLogger("regfleet").info("first, with secret_key=hunter2")
        wait_until(lambda: place.exists("regfleet.log"))
        assert "first, with secret_key=***" in place.text("regfleet.log")
    with place.appending("regfleet.log") as path, log_to(path):
        logging.getLogger("regfleet").info("second")
    text = place.text("regfleet.log")
    assert text.index("first") < text.index("the run ends") < text.index("second")
    assert "hunter2" not in text


@pytest.mark.parametrize("where", ["no bucket", "nobody listens", "no answer"])
def test_what_cannot_be_reached_is_said_at_once(server, silent, where, monkeypatch):
    """A bucket that is not there, a closed port and a silent one are named in seconds, in one line."""
    endpoint = {"no bucket": server, "nobody listens": "127.0.0.1:9", "no answer": silent}[where]
    url = f"s3://k:hunter2@nobucket/x?endpoint_override={endpoint}&scheme=http"
    began = time.monotonic()
    words = r"^--out: expected a bucket .*got s3://nobucket/x[ ,]"
    with pytest.raises((InputError, StorageError), match=words) as complaint, place_of(url).claim():
        pass
    assert time.monotonic() - began < 60  # ten on a machine that has nothing else to do
    assert complaint.value.exit_code == (2 if where == "no bucket" else 3)
    if where != "no bucket":  # how long that takes is known by now
        monkeypatch.setattr(patience, "SECONDS", Patience(store_connect=0.2, store_request=0.3))
    asked = "a results directory" if where == "no bucket" else "a bucket that answers"
    with pytest.raises(ResultsError, match=rf"^s3://nobucket/x: expected {asked}; got ") as second:
        load(url)
    assert second.value.exit_code == complaint.value.exit_code
    assert "\n" not in str(complaint.value) + str(second.value)
    assert "hunter2" not in str(complaint.value)


def test_what_is_no_results_prefix_is_said(url):
    """Loading an empty prefix is refused as an empty directory is."""
    with pytest.raises(ResultsError, match="expected a results directory; got no directory"):
        load(url)
