"""The switches of the released AACSFNet evaluation."""

import dataclasses
import inspect

import numpy as np

from keras_pain.experiments.aacsfnet_defects import (
    AACSFNET_DEFECTS,
    AS_CODED,
    NETWORK_DEFECTS,
)
from keras_pain.experiments.defects import DEFECTS as COMMON_DEFECTS
from keras_pain.experiments.protocols import Fold
from keras_pain.experiments.regression import compute_regression
from keras_pain.models.aacsfnet import DEFECTS
from keras_pain.models.registry import MODELS


def test_defects_plug_into_the_models():
    assert {defect.name for defect in NETWORK_DEFECTS} == set(DEFECTS)
    assert set(AS_CODED) <= {*COMMON_DEFECTS, *AACSFNET_DEFECTS}
    assert not set(COMMON_DEFECTS) & set(AACSFNET_DEFECTS)
    # That each argument changes its network is in the models' contract.
    for defect in NETWORK_DEFECTS:
        for method, arguments in defect.arguments.items():
            known = inspect.signature(MODELS[method].builder).parameters
            assert set(arguments) <= set(known), (defect.name, method)


@dataclasses.dataclass
class Samples:
    """As much of a `ClipSet` as the defects see."""

    y: np.ndarray
    subject: np.ndarray

    def __len__(self):
        return len(self.y)

    def take(self, index):
        return Samples(self.y[index], self.subject[index])


def test_defects_of_labels_and_people():
    samples = Samples(
        np.array([0.9, 2.5, 7.0, 15.99]), np.array(["b", "a", "b", "a"])
    )
    cut = AACSFNET_DEFECTS["integer_labels"].windows(samples, 0)
    np.testing.assert_array_equal(cut.y, [0, 2, 7, 15])
    twice = AACSFNET_DEFECTS["first_trained_twice"].train(samples)
    assert sorted(twice.subject) == ["a"] * 4 + ["b"] * 2
    people = ("a", "b", "c", "d")
    folds = [
        Fold(p, tuple(set(people) - {p}), (p,), (p,)) for p in reversed(people)
    ]
    run = AACSFNET_DEFECTS["first_person_untested"].folds(folds)
    assert [fold.name for fold in run] == ["d", "c", "b"]
    assert all("a" in fold.train for fold in run)


def test_defects_of_scoring():
    rng = np.random.default_rng(0)
    truth = rng.uniform(2, 16, size=70)
    predicted = truth + rng.normal(0, 2, size=70)
    honest = compute_regression(truth, predicted)
    zeroed = AACSFNET_DEFECTS["tail_as_zeros"].scored(truth, predicted, 32)
    assert not zeroed[0][64:].any() and not zeroed[1][64:].any()
    np.testing.assert_array_equal(zeroed[1][:64], predicted[:64])
    flattered = compute_regression(*zeroed)
    assert flattered["mae"] < honest["mae"]
    assert flattered["pcc"] > honest["pcc"]
    full = AACSFNET_DEFECTS["tail_as_zeros"].scored(truth, predicted, 35)
    np.testing.assert_array_equal(full, [truth, predicted])
    _, low = AACSFNET_DEFECTS["predictions_clipped"].scored(
        truth, np.linspace(-3, 20, 70), 32
    )
    assert (low.min(), low.max()) == (0, 15)
    constant = compute_regression(np.zeros(5), np.arange(5.0))
    assert constant["pcc"] is None
    printed = AACSFNET_DEFECTS["constant_correlates_zero"].metrics(constant)
    assert printed["pcc"] == 0.0 and "pcc" not in printed["undefined"]


def test_released_schedule():
    recipes = AACSFNET_DEFECTS["released_schedule"].arguments
    assert set(recipes) == {"aacsfnet", "resnet50_ham", "biscale_cross_vit"}
    recipe = recipes["aacsfnet"]["recipe"]
    assert recipe is MODELS["aacsfnet_as_coded"].recipe
    assert (recipe.learning_rate, recipe.epochs) == (0.04, 80)
    assert recipe.schedule == ("multistep", (10, 20, 30), 0.1)
