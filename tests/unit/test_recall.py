"""R_gene against a slow loop over scipy's correlations."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from landex.evaluation.ranks import standardised_ranks
from landex.evaluation.recall import recall

Block = NDArray[np.float32]
Mask = NDArray[np.bool_]


def found(prediction: Block, truth: Block, measured: Mask | None = None) -> NDArray[np.float64]:
    """Return R_gene of all targets; arrays have shape (targets, samples)."""
    ranks = standardised_ranks(truth, measured).astype(np.float32)
    own = np.arange(len(truth))
    counted = ranks.any(axis=1)
    return recall(standardised_ranks(prediction).astype(np.float32), ranks, own, counted, measured)


def slow(prediction: Block, truth: Block, measured: Mask | None = None) -> NDArray[np.float64]:
    there = np.ones(truth.shape, bool) if measured is None else measured
    counted = [h for h in range(len(truth)) if len(set(truth[h, there[h]].tolist())) > 1]
    ranks = rankdata(prediction, axis=1)
    result = np.full(len(truth), np.nan)
    for g in counted:
        if len(set(prediction[g].tolist())) < 2:
            continue
        correlations = {}
        for h in counted:
            # The prediction keeps its ranks among all samples.
            said, true = ranks[g, there[h]], rankdata(truth[h, there[h]])
            correlations[h] = np.corrcoef(said, true)[0, 1]
        others = [h for h in counted if h != g]
        result[g] = np.mean([correlations[h] < correlations[g] for h in others])
    return result


def simulated(targets: int = 25, samples: int = 30, noise: float = 1.5, seed: int = 1) -> tuple[Block, Block]:
    random = np.random.default_rng(seed)
    truth = random.normal(size=(targets, samples)).astype(np.float32)
    return (truth + random.normal(0, noise, truth.shape)).astype(np.float32), truth


def test_recall_is_that_of_a_slow_loop() -> None:
    prediction, truth = simulated()
    expected = slow(prediction, truth)
    assert 0.5 < np.mean(expected) < 1
    np.testing.assert_allclose(found(prediction, truth), expected, atol=1e-12)


def test_the_slow_loop_is_spearmans_where_everything_is_measured() -> None:
    prediction, truth = simulated(6)
    own = spearmanr(prediction[2], truth[2]).statistic
    others = [spearmanr(prediction[2], truth[h]).statistic for h in (0, 1, 3, 4, 5)]
    assert found(prediction, truth)[2] == np.mean(np.array(others) < own)


def test_recall_of_partly_measured_targets_is_that_of_a_slow_loop() -> None:
    prediction, truth = simulated(20, 40)
    measured = np.random.default_rng(2).random(truth.shape) < 0.7
    measured[:5] = True
    measured[7] = False
    expected = slow(prediction, truth, measured)
    assert np.isnan(expected[7])
    np.testing.assert_allclose(found(prediction, truth, measured), expected, atol=1e-12)


def test_some_targets_are_recalled_as_among_all() -> None:
    prediction, truth = simulated()
    ranks, said = (standardised_ranks(each).astype(np.float32) for each in (truth, prediction))
    own, counted = np.array([20, 3]), np.ones(len(truth), bool)
    np.testing.assert_array_equal(recall(said[own], ranks, own, counted), found(prediction, truth)[own])


def test_a_model_that_copies_the_truth_recalls_every_gene() -> None:
    _, truth = simulated(60, 12)
    assert (found(truth, truth) == 1).all()
    measured = np.random.default_rng(3).random(truth.shape) < 0.9
    assert (found(truth, truth, measured) == 1).all()


def test_a_model_of_noise_recalls_one_half_on_average() -> None:
    random = np.random.default_rng(4)
    truth, noise = random.normal(size=(2, 400, 25)).astype(np.float32)
    recalled = found(noise, truth)
    # Uniform between 0 and 1: the mean of 400 has a standard error of .0144, and more as they share truths.
    assert np.mean(recalled) == pytest.approx(0.5, abs=0.06)
    assert np.mean(recalled >= 0.95) == pytest.approx(0.05, abs=0.04)


def test_a_model_that_says_the_opposite_recalls_nothing() -> None:
    _, truth = simulated(50, 200)
    assert (found(-truth, truth) == 0).all()


def test_a_constant_prediction_has_no_recall_and_hides_no_other() -> None:
    prediction, truth = simulated()
    whole = found(prediction, truth)
    prediction[4] = 0.3
    recalled = found(prediction, truth)
    assert np.isnan(recalled[4])
    np.testing.assert_array_equal(np.delete(recalled, 4), np.delete(whole, 4))


def test_a_constant_truth_has_no_recall_and_is_no_other() -> None:
    prediction, truth = simulated()
    truth[4] = 0.3
    recalled = found(prediction, truth)
    assert np.isnan(recalled[4])
    without = found(np.delete(prediction, 4, axis=0), np.delete(truth, 4, axis=0))
    np.testing.assert_array_equal(np.delete(recalled, 4), without)


def test_a_single_target_has_no_recall() -> None:
    _, truth = simulated(1)
    assert np.isnan(found(truth, truth)).all()


def test_targets_that_do_not_count_have_no_recall_and_are_no_others() -> None:
    """Two samples correlate with everything by 1 or -1: genes that nearly nobody measured would beat the gene."""
    prediction, truth = simulated(40, 30)
    measured = np.ones(truth.shape, bool)
    measured[20:, 2:] = False
    ranks, said = standardised_ranks(truth, measured).astype(np.float32), standardised_ranks(prediction)
    recalled = recall(said.astype(np.float32), ranks, np.arange(40), np.arange(40) < 20, measured)
    np.testing.assert_array_equal(recalled[:20], found(prediction[:20], truth[:20]))
    assert np.isnan(recalled[20:]).all()


def test_where_no_target_counts_there_is_no_recall() -> None:
    """As in a cohort of two samples, which a split allows for any part but training."""
    ranks = standardised_ranks(simulated(4, 2)[1]).astype(np.float32)
    assert np.isnan(recall(ranks, ranks, np.arange(4), np.zeros(4, bool))).all()
