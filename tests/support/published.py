"""Results directories as a published site reads them, without any training."""

import csv
import io
import json

from regfleet.results.seals import sealed_json, sealed_toml

SCORES = {"none": 0.9, "dropout(0.5)@all": 0.92, "l2(0.01)@all": 0.88}
COLUMNS = ["dataset", "metric", "variant", "label", "verdict", "mean", "mean_low", "mean_high", "control", "difference"]


def run_in(folder, day, *, scores=SCORES, data="churn", metric="accuracy", **facts):
    """A results directory with what a site reads of it: a report that says little, and the files beside it.

    ``facts``: of provenance and study, ``keras``, ``rows``, ``epochs``, ``target``, ``began``.
    """
    folder.mkdir(parents=True)
    verdicts = {name: "control" if name == "none" else "undecided" for name in scores}
    entry = {
        "title": f"Which regularization works best on {data}?",
        "model": "8 relu",
        "finished": f"{day}T03:10:00Z" if day else "",
        "status": "Complete: 9 trials",
        "datasets": [
            {
                "name": data,
                "verdict": f"Nothing is clear on {data}.",
                "metric": metric,
                "leaderboard": [
                    {"label": name.title(), "score": f"{mean}", "symbol": "●", "verdict": verdicts[name].title()}
                    for name, mean in scores.items()
                ],
            }
        ],
    }
    block = json.dumps(entry).replace("<", "\\u003c")
    (folder / "report.html").write_text(f'<script type="application/json" id="entry">{block}</script>')
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow([*COLUMNS, "kind"])
    for name, mean in scores.items():
        against = ["", ""] if name == "none" else ["none", mean - 0.9]
        table.writerow([data, metric, name, name.title(), verdicts[name], mean, mean - 0.05, mean + 0.05, *against])
    table.writerow([data, metric, "constant", "Majority", "worse", 0.5, "", "", "none", "", "reference"])
    (folder / "leaderboard.csv").write_text(file.getvalue())
    began = facts.get("began", day)
    provenance = {
        "versions": {"regfleet": "0.1.0", "keras": facts.get("keras", "3.15.1")},
        "hardware": {"cpus": 2, "memory_gib": facts.get("memory", 8.0)},
        "data": {data: {"sha256": f"{facts.get('rows', 100)}", "rows": facts.get("rows", 100), "columns": 4}},
        "runs": [{"host": "vm", "started": f"{began}T03:00:00Z", "finished": f"{day}T03:10:00Z"}] if day else [],
    }
    (folder / "provenance.json").write_text(sealed_json(provenance))
    target = facts.get("target", "churned")
    study = f'seeds = "0-2"\n[[data]]\nlocation = "{data}.csv"\ntarget = "{target}"\n'
    study += f"[training]\nepochs = {facts.get('epochs', 10)}\n[analysis]\nalpha = 0.05\n"
    (folder / "study.toml").write_text(sealed_toml(study))
    return folder
