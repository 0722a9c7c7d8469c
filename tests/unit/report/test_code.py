"""The code of variants in a report."""

import json

from regfleet.concluding.judge import judge
from regfleet.data import load_builtin, parse_split
from regfleet.planning.resolved import data_facts, resolve
from regfleet.report import render
from regfleet.results import load

FIELDS = {
    "seeds": [0, 1, 2],
    "model": {"hidden": [8], "activation": ["tanh"]},
    "training": {"epochs": 9, "optimizer": "adam"},
    "variant": [{"technique": f"l2({10.0**-number:g})"} for number in range(1, 9)],
}


def concluded(out, filled, correct, **fields):
    """The conclusion of a study of Iris with these test rows correct, and its report, parsed from HTML."""
    study = filled(out, FIELDS | fields, correct)
    return judge(resolve(study, {"iris": data_facts(load_builtin("iris"), parse_split(study.split))}), load(out))


def test_the_best_variants_and_the_control_have_their_code(tmp_path, filled, parse):
    """Six pieces that can be copied, in the order of the leaderboard, each with its own value; and how to get all."""
    names = [f"l2({10.0**-number:g})@first" for number in range(1, 9)]
    correct = {"none": (20, 20, 20)} | {name: (20 + place, 21, 21) for place, name in enumerate(names)}
    found = concluded(tmp_path / "out", filled, correct)
    pieces = found.code["iris"]
    assert [one.label for one in pieces][-1] == "No regularization"
    assert len(pieces) == 6
    values = [f"{10.0**-number:g}" for number in range(8, 3, -1)]
    for value, one in zip(values, pieces, strict=False):
        compile(one.code, one.label, "exec")
        assert f"keras.regularizers.L2({value})" in one.code
        assert "keras.optimizers.Adam(0.001)" in one.code
        assert "regfleet" not in one.code
    source = render(found)
    page = parse(source)
    assert "code" in [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert "regfleet show-model DIR --code prints that of every variant" in page.text
    assert source.count("keras.regularizers.L2(1e-08)") == 1


def test_of_a_tuned_variant_it_has_what_most_seeds_chose(tmp_path, filled):
    """The learning rate and the strength of the setting that two of three seeds kept."""
    fields = {"variant": [{"technique": "l2"}], "tune": 3, "tuned_by": "last_val_accuracy"}
    found = concluded(tmp_path / "out", filled, {"none": (20, 20, 20), "l2(0.01)@first": (21, 22, 23)}, **fields)
    variant = next(one for one in found.resolved.variants if one.techniques)
    settings = [[each.of(one) for each in variant.tuning.dimensions] for one in variant.tuning.candidates]
    trials = found.results.trials.assign(
        tuning=[
            json.dumps(
                {"settings": settings, "chosen": 2 if seed else 1, "by": "last_val_accuracy", "seconds": [1, 1, 1]}
            )
            for seed in found.results.trials["seed"]
        ]
    )
    from regfleet.concluding.code import chosen_in

    class Results:
        pass

    Results.trials = trials
    chosen = chosen_in(found.resolved, Results)["iris", variant.name]
    assert chosen == variant.tuning.candidates[2]
