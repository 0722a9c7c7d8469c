"""A study on labels that were shuffled, trained for real: what it says, everywhere it says something."""

import json
import re

import numpy as np
import pandas as pd
import pytest

ADVICE = ("makes a difference that matters", "left out without loss", "take the simple")


@pytest.mark.usefixtures("undrawn")
def test_shuffled_labels_are_said_in_terminal_page_and_json(command, tmp_path):
    """The verdict leads with it and gives no advice; silenced, the notice goes and the verdict stays."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame.assign(y=rng.permutation(["no"] * 120 + ["yes"] * 80)).to_csv(tmp_path / "shuffled.csv", index=False)
    study = ["compare", "--data", "shuffled.csv", "--target", "y", "--model", "8", "-t", "l2(1e-4)", "--seeds", "5"]
    study += ["--epochs", "6", "--batch-size", "32", "--in-process"]
    for silence in ([], ["--silence", "R101"]):  # the second trains nothing
        code, out, _ = command(*study, *silence)
        assert code == 0
        text = " ".join(out.split())
        assert text.startswith("Nothing was learned on shuffled: No regularization's accuracy")
        page = (tmp_path / "reports/shuffled/report.html").read_text()
        unfolded = re.sub(r"<details.*?</details>", "", page, flags=re.DOTALL)
        assert ("R101 nothing learned: No" in text) == ("R101 nothing learned" in unfolded) == (not silence)
        assert "R101 nothing learned" in page
        assert [advice for advice in ADVICE if advice in text or advice in page] == []
        _, out, _ = command(*study, *silence, "--json")
        (check,) = [check for check in json.loads(out)["checks"] if check["code"] == "R101"]
        assert (check["dataset"], check["variants"][0], check["silenced"]) == ("shuffled", "none", bool(silence))
        assert check["docs"] == "docs/checks.md#r101-nothing-learned"
