"""Checks of the training on real fits: each speaks of its fault, and is silent once its advice was taken."""

import json
import shlex

import numpy as np
import pandas as pd
import pytest

COMMON = ["--seeds", "5", "--in-process", "--model", "32", "--json", "-q"]


@pytest.fixture
def noisy(tmp_path):
    """A table of 240 rows in which ten of twenty columns tell something of two classes."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(240, 20))
    y = draw.uniform(size=240) < 1 / (1 + np.exp(-x[:, :10].sum(axis=1) / 2))
    frame = pd.DataFrame(x, columns=[f"c{number}" for number in range(20)])
    frame.assign(y=np.where(y, "yes", "no")).to_csv(tmp_path / "noisy.csv", index=False)
    return ["compare", "--data", "noisy.csv", "--target", "y", *COMMON]


@pytest.mark.parametrize(
    ("code", "faulty"),
    [
        ("R107", ["--optimizer", "adam", "--epochs", "150", "--batch-size", "16", "-t", "l2(0.01)"]),
        ("R108", ["--learning-rate", "0.0001", "--epochs", "100", "--batch-size", "32", "-t", "l2(0.01)"]),
        ("R109", ["--optimizer", "adam", "--epochs", "20", "--batch-size", "128", "-t", "l2(0.01)"]),
        ("R110", ["--learning-rate", "2", "--epochs", "100", "--batch-size", "16", "-t", "l2(0.01)"]),
        (
            "R111",
            [
                "--optimizer",
                "sgd",
                "--learning-rate",
                "0.1",
                "--epochs",
                "60",
                "--batch-size",
                "256",
                "-t",
                "batchnorm",
            ],
        ),
    ],
)
def test_a_fault_is_said_and_is_gone_after_the_command_that_is_named(code, faulty, noisy, command):
    """The command runs as it is printed; few updates may need it more than once."""
    _, out, _ = command(*noisy, *faulty)
    checks = {check["code"]: check for check in json.loads(out)["checks"]}
    assert code in checks
    for _ in range(5):
        words = shlex.split(checks[code]["command"])
        _, out, _ = command(*words[1:], "--in-process", "--json", "-q")
        checks = {check["code"]: check for check in json.loads(out)["checks"]}
        if code not in checks:
            break
    assert code not in checks


def test_a_sound_study_is_left_alone(noisy, command):
    """Adam with a weight decay for as long as it helps: no check of the training speaks."""
    _, out, _ = command(*noisy, "--optimizer", "adam", "--epochs", "25", "--batch-size", "16", "-t", "l2(0.001)")
    assert {check["code"] for check in json.loads(out)["checks"]} & {"R107", "R108", "R109", "R110"} == set()
