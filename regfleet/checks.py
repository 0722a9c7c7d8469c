"""What checks of the training there are: the code of each, what it looks at, what to do about it."""

from dataclasses import dataclass

PAGE = "docs/checks.md"


@dataclass(frozen=True, slots=True)
class Kind:
    """A check: ``title`` in two or three words; ``looks`` at what, and ``advice`` what to do, in sentences."""

    code: str
    title: str
    looks: str
    advice: str

    @property
    def anchor(self) -> str:
        """Where the documentation has it."""
        return f"{PAGE}#{self.code.lower()}-{self.title.replace(' ', '-')}"


CHECKS = {
    kind.code: kind
    for kind in (
        Kind(
            "R101",
            "nothing learned",
            "The mean test score beside what an answer that reads no column would get: the share of the largest "
            "class for accuracy, 1/k of k classes for balanced accuracy and macro-F1, .5 for AUC, 0 for R². Errors and "
            "cross-entropy are looked at through accuracy or R² of the same weights. A score counts as no better where "
            "it lies below that, or above it by no more than guessing gives on so many rows.",
            "Look at what goes into the model before comparing techniques: `--dry-run` says how the data are scaled, "
            "`regfleet datasets` what became of each column, `regfleet show-model` what is trained. Then the learning "
            "rate (`--learning-rate`, ten times more and ten times less) and the optimizer. If the same model learns "
            "in a script of your own, compare what it is given there. Or the columns say nothing about the target.",
        ),
        Kind(
            "R102",
            "still improving",
            "The validation error over the last tenth of the epochs. The check speaks where the best epoch is the last "
            "for every variant and its control, or where a control's error still falls fast.",
            "Train for longer (`--epochs`, with another `--out`) or faster (`--optimizer adam`, `--learning-rate`). "
            "What is compared now is how fast variants learn rather than how well they do in the end.",
        ),
        Kind(
            "R103",
            "training loss does not fall",
            "The training error of the last tenth of the epochs beside that of the first epoch, penalties apart, and "
            "beside that of an answer that reads no column.",
            "Change the learning rate (`--learning-rate`) or the optimizer, or take less of the technique: a penalty "
            "that is too strong keeps every weight at zero. Look at how the data are scaled (`--dry-run`).",
        ),
        Kind(
            "R104",
            "rare class",
            "The rows of each class beside the number of sets or folds that share them. The check speaks where a test "
            "set gets less than one row of a class on average, or a fixed test set has none.",
            "Join rare classes or leave them out, take fewer folds or a larger test set (`--split`), or collect more "
            "rows of them. Nothing can be said about how well a class is told that no test set holds.",
        ),
        Kind(
            "R105",
            "one class nearly alone",
            "The share of the largest class: from 90 % on.",
            "Judge by `--metric balanced_accuracy`, `macro_f1` or `auc`; the same command with another metric trains "
            "nothing again. `--class-weight balanced` makes rows of rare classes weigh more in training.",
        ),
        Kind(
            "R106",
            "diverged",
            "Trials that ended because the loss was no number any more.",
            "Take a smaller step (`--learning-rate`, a tenth of it), or look for huge values among the columns.",
        ),
        Kind(
            "R107",
            "control overfits",
            "The control's validation error at the end beside its lowest, averaged over seeds, and its test score with "
            "the weights of the best epoch beside that with the last. The check speaks where the error ends a fifth, "
            "and a tenth of what an answer without columns gets, above its lowest; or where the test score is better "
            "at the best epoch, clear of zero and by more than matters. The verdicts by the weights of either epoch "
            "then stand beside each other.",
            "A control that was trained for too long makes every technique look good that only slows training down. "
            "Let every variant stop in time (`--early-stopping`), and see whether the verdicts stay. `--at best` with "
            "the same `--out` judges the weights of the best epoch and trains nothing.",
        ),
        Kind(
            "R108",
            "learning rate far off",
            "A short test with the first trial of each control: at most 300 updates, or one epoch, at a tenth and ten "
            "times the learning rate, and a hundred times where ten did no worse, from the same weights and in the "
            "same order of rows. The check speaks where one of them ends with less training error than all epochs at "
            "the study's own rate, by a tenth of what an answer without columns gets; of a higher one only where the "
            "validation error is lowest in the last tenth of the epochs, or the fit was done. There is no test for an "
            "optimizer of a model's own, for `--engine keras`, for what cannot be traced, and in results of earlier "
            "versions.",
            "Run the study at the other rate, with another `--out`. What trains faster need not be better on new rows, "
            "but a control that is far from trained is no measure for a technique.",
        ),
        Kind(
            "R109",
            "batch size",
            "The rows of a batch, and how many updates of the weights they make in all epochs. The check speaks below "
            "100 updates; where batch norm gets its means from fewer than 8 rows, or from fewer than 4 in the last "
            "batch of an epoch; and below 8 rows a batch where an epoch has 50 batches or more.",
            "`--batch-size` with another `--out`: smaller batches, or more `--epochs`, where there are few updates; 32 "
            "rows or more for batch norm, in a number that leaves no rest.",
        ),
        Kind(
            "R110",
            "unstable runs",
            "How far the scores of seeds spread, beside those of the control: three times as far, by more than matters "
            "and by more than chance gives once in a hundred studies. And whether the training error jumps up in the "
            "second half of the epochs: within one epoch by a fifth of that of the first, to half as much again, on "
            "three seeds of ten or more.",
            "Take a smaller learning rate, clip gradients, "
            "or run more seeds. A mean over runs of which some went astray says little about the next one.",
        ),
        Kind(
            "R111",
            "moving averages lag",
            "With batch norm, the training error over the last tenth of the epochs twice: with the means and "
            "deviations of each batch, as in training, and with their moving averages, which stand in for them on new "
            "rows. The check speaks where the second is higher by a tenth of what an answer without columns gets, and "
            "by a fifth of the first. Each update moves the averages by one minus the momentum, a hundredth at 0.99, "
            "so that few updates leave them behind the weights.",
            "Let the averages follow faster, as `-t 'batchnorm(0.9)'`, or make more updates: smaller batches, or more "
            "epochs.",
        ),
        Kind(
            "R201",
            "best at the edge",
            "With `--tune`, the settings that the seeds chose on their validation rows. The check speaks where more "
            "than half of the seeds, three or more, chose the least or the greatest of four or more values that were "
            "tried of the learning rate, or of a technique's strength.",
            "Tune again around that end, with another `--out`: `--learning-rate` moves the range of all variants to a "
            "tenth and ten times of it, and a strength that is typed at an end of its range, as `-t 'l2(0.1)'`, moves "
            "that end past it. A technique that is chosen as weak as can be may as well be left out.",
        ),
    )
}


def checks_page() -> str:
    """What docs/checks.md holds."""
    lines = [
        "# Checks",
        "",
        "<!-- Written by: python -c \"from regfleet.checks import checks_page; print(checks_page(), end='')\" -->",
        "",
        "Models can be compared correctly and still have learned nothing. What regfleet notices of that has a code.",
        "Each check that speaks is a sentence in the terminal and in the report, and an entry of `checks` in the JSON.",
        "`--silence R102`, or `silence` under `[analysis]` in a study file, keeps one out of the way: it is then in a",
        "fold of the report, and `silenced` in the JSON. It changes no verdict, and no headline.",
    ]
    for kind in CHECKS.values():
        lines += [
            "",
            f"## {kind.code} {kind.title}",
            "",
            f"*Looks at:* {kind.looks}",
            "",
            f"*What to do:* {kind.advice}",
        ]
    return "\n".join(lines) + "\n"
