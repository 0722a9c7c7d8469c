"""Which way a score of another tool points: told by its whole name, held to its values, else asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from regfleet.errors import InputError
from regfleet.metrics import METRICS
from regfleet.text import given

SAY = "say it with --higher-is-better or --lower-is-better"


def words_of(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


LOWER = words_of(
    """
    ade aic bce bic bits_per_byte bits_per_char bits_per_character bits_per_dim bpb bpc bpd brier
    calibration_error cce ce cer chamfer cost coverage_error cross_entropy crossentropy crps davies_bouldin
    defect defects der deviance dice_loss dissimilarity distance divergence ece edit_distance eer entropy epe
    err error errors esr expected_calibration_error failure failures fall_out fallout fde fdr fid fnr fpr
    giou_loss hamming hausdorff hinge hter huber iou_loss jaccard_loss jensen_shannon js_divergence jsd kid kl
    kl_divergence kld kldivergence label_ranking_loss latency levenshtein log_cosh log_loss logcosh logloss loss
    losses lpips mace mad mae mape mase max_error mcd mce mdape medae mer misclassification misclassifications
    misclassified mispredictions miss misses mmd mpjpe mrae mre msd mse msle neg_log_likelihood
    negative_likelihood_ratio negative_log_likelihood nll nlp nlpd nmae nmse nrmse perplexity pinball ppl
    quantile_loss rae regret rmsd rmse rmsle rrmse rse runtime sce smape sse ter true_error wape wasserstein wer
    wil wmape zero_one_loss
    """
)
"""Words and names of scores of which less is better."""
HIGHER = words_of(
    """
    acc accuracies accuracy agreement ami amota ap aps arand ari auc aucpr aucroc auprc auroc average_precision
    avg_precision bacc balanced_acc bertscore bleu bleurt bss c_index calinski_harabasz chrf cider cindex
    cohen_kappa comet completeness concordance consensus consistency corr corrcoef correct correlation
    cosine_similarity d2 d2_absolute_error d2_brier d2_log_loss d2_pinball d2_tweedie dcg dice dsc elbo elo elpd
    em exact_match explained_variance f05 f1 f2 f_measure f_score fbeta fidelity fmeasure fowlkes_mallows fscore
    gain gini gmean hit hits homogeneity icc inception_score informedness iou jaccard kappa kendall kendall_tau
    kendalltau kge likelihood log_likelihood loglik loglikelihood loo_r2 lpd map markedness matthews
    matthews_corrcoef mauve mcc mean_average_precision meteor miou mota mrr mutual_info mutual_information ndcg
    nmi npv nse pass passed pearson pearson_r pearsonr pesq plcc ppv pr_auc prec precision profit psnr q2 qwk r2
    r_squared rand rec recall reciprocal_rank return reward roc_auc rouge rouge1 rouge2 rougel rsquared
    sacrebleu sdr sensitivity sharpe silhouette similarity sisdr snr solved spearman spearman_rho spearmanr
    specificity spice srcc ssim stoi success successes tnr tpr uar utility v_measure vmaf win win_rate winrate
    wins youden
    """
)
"""Words and names of scores of which more is better."""
SIGNED = words_of(
    """
    ami ari bleurt bss cider cohen_kappa comet concordance corr corrcoef correlation d2 d2_absolute_error
    d2_brier d2_log_loss d2_pinball d2_tweedie elbo elpd explained_variance gain gini icc informedness kappa
    kendall kendall_tau kendalltau kge likelihood log_likelihood loglik loglikelihood lpd markedness matthews
    matthews_corrcoef mcc nse pearson pearson_r pearsonr plcc profit psnr q2 qwk r2 r_squared return reward
    rsquared score sdr sharpe silhouette sisdr snr spearman spearman_rho spearmanr srcc utility youden
    """
)
"""Scores of which more is better that may be below zero."""
FILLERS = words_of(
    """
    a abs absolute acceptance adj adjusted alarm all and at average avg balanced batch best binary box by
    categorical char character class classes contrastive cross ctc cumulative cv dataset db dev discovery edit
    episode epoch equal eval evaluation false final focal fold frac fraction gamma holdout image in k l l1 l2
    label last line linear log logarithmic macro mask match max mean measured median micro min n negative
    negatives norm normalised normalized num of omission on out overall ovo ovr p pct per percent percentage
    phone phoneme pixel point points poisson positive positives prediction predictive quadratic rank ranked
    ranking rate rates ratio raw reconstruction rejection rel relative roc root sample samples scaled score
    scores sentence set share smooth sparse split sq sqrt square squared standard subset test tested the token top
    total train training triplet true tweedie unweighted val valid validation value weighted word
    """
)
"""Words that point nowhere by themselves."""
SETS = words_of("avg cv dev eval fold holdout mean split test train training val valid validation")
"""Words for the rows and the runs that a score is of."""
NEGATIONS = words_of("neg negative negated minus")
"""Words before a score that turn its sign."""


@dataclass(frozen=True, slots=True)
class Direction:
    """Which way a metric points, and the words for why: ``its name``, ``as you said``."""

    higher_is_better: bool
    why: str


def direction_of(name: str, values: np.ndarray, *, asked: bool | None = None) -> Direction:
    """Which way the scores called ``name`` point.

    Args:
        name: a metric of METRICS, or of anybody's.
        values: all scores; NaN where there is none.
        asked: what the user says.

    Raises:
        InputError: the name does not tell, or it does and the values speak against it.
    """
    if asked is not None:
        return Direction(asked, "as you said")
    if name in METRICS:
        return Direction(METRICS[name].higher_is_better, "as its name says")
    words, negated = _turned(_words(name))
    found = _pointing(words)
    if found is None or (negated and found):
        raise InputError(f"metric must be one of which it is known which way it points; {SAY}. Got {given(name)}")
    finite = values[np.isfinite(values)]
    wrong = ""
    if negated and (finite > 0).any():
        wrong = f"the score {finite.max():g}, above zero, of an error that is negated by its name"
    elif not negated and len(finite) and (finite < 0).all() and not (found and _signed(words)):
        wrong = "nothing but scores below zero, as if it were negated"
    if wrong:
        raise InputError(f"metric must point the way that its name says; {SAY}. Got {given(name)} with {wrong}")
    return Direction(
        found or negated, "as its name says, an error with its sign turned" if negated else "as its name says"
    )


def _words(name: str) -> list[str]:
    """The words of a name in small letters: ``valF1_macro@10`` is val, f1, macro, 10."""
    if _known(name.strip().lower()):
        return [name.strip().lower()]
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", name.strip())
    parted = re.sub(r"^[-\u2212](?=\w)", "neg_", parted).replace("²", "2").replace("%", " pct ")
    return [word for word in re.split(r"[^a-z0-9]+", parted.lower()) if word]


def _turned(words: list[str]) -> tuple[list[str], bool]:
    """The words without one that turns the sign of the rest, and whether there was one: ``test_neg_log_loss``."""
    start = next((place for place, word in enumerate(words) if re.sub("[0-9]+$", "", word) not in SETS), 0)
    if len(words) < start + 2 or words[start] not in NEGATIONS:
        return words, False
    whole = any(_known("_".join(words[start : start + size])) for size in range(2, 5))
    return (words, False) if whole else (words[start + 1 :], True)


def _pointing(words: list[str]) -> bool | None:
    """True where more is better, False where less is, None where the words do not tell or not alike."""
    if _is_free(words):
        return True
    if words[:1] == ["1"]:  # one minus something
        return None
    found, place = set(), 0
    while place < len(words):
        size = next((size for size in (4, 3, 2, 1) if _known("_".join(words[place : place + size]))), 0)
        word = "_".join(words[place : place + max(1, size)])
        if size:
            found.add(_plain(word) in HIGHER)
        elif word in {"false", "true"} and words[place + 1 :]:  # positives, negatives, alarms
            found.add(word == "true")
        elif re.sub("[0-9]+$", "", word) not in FILLERS | {""}:
            return None
        place += max(1, size)
    if not found and words and words[-1] in {"score", "scores"}:
        return True
    return found.pop() if len(found) == 1 else None


def _known(name: str) -> bool:
    return _plain(name) in HIGHER | LOWER


def _plain(name: str) -> str:
    """A name without the number behind it, ``map50``, unless that belongs to it, ``f1``."""
    return name if name in HIGHER | LOWER else re.sub("[0-9]+$", "", name)


def _is_free(words: list[str]) -> bool:
    """Whether the words are of what is free of an error: ``error_free_rate``."""
    rest = [word for word in words if word not in FILLERS]
    return len(rest) == 2 and rest[1] == "free" and rest[0] in LOWER


def _signed(words: list[str]) -> bool:
    joined = {"_".join(words[start:end]) for start in range(len(words)) for end in range(start + 1, len(words) + 1)}
    return not SIGNED.isdisjoint(joined)
