"""Folds: who is trained on, who chooses the epoch, who is tested."""

import numpy as np
import pytest
from fake_recordings import make_recording

from keras_pain.errors import ConfigurationError
from keras_pain.experiments.protocols import (
    EVALUATIONS,
    PROTOCOLS,
    Fold,
    Subject,
    make_folds,
    subjects_of,
)

CHALLENGE = (
    [Subject(f"P{n}", "patient", "train") for n in range(10)]
    + [Subject(f"C{n}", "healthy", "train") for n in range(6)]
    + [Subject(f"P{n}", "patient", "validation") for n in range(10, 14)]
    + [Subject(f"C{n}", "healthy", "validation") for n in range(6, 9)]
)
UNSPLIT = [Subject(s.id, s.stratum) for s in CHALLENGE]


@pytest.mark.parametrize("evaluation", EVALUATIONS)
@pytest.mark.parametrize("subjects", [CHALLENGE, UNSPLIT], ids=["split", "no"])
def test_leak_free_folds_share_no_subject(evaluation, subjects):
    for fold in make_folds(subjects, evaluation, "leak_free"):
        parts = [set(fold.train), set(fold.validation), set(fold.test)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))


@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_as_published_chooses_the_epoch_on_the_test_subjects(evaluation):
    for fold in make_folds(CHALLENGE, evaluation, "as_published"):
        assert fold.validation == fold.test
        assert not set(fold.train) & set(fold.test)


def test_holdout_follows_the_owners_split():
    (fold,) = make_folds(CHALLENGE, "holdout", "as_published")
    assert len(fold.train) == 16 and len(fold.test) == 7
    (fold,) = make_folds(CHALLENGE, "holdout", "leak_free")
    assert len(fold.train) == 12 and len(fold.validation) == 4
    assert {s[0] for s in fold.validation} == {"P", "C"}


def test_holdout_without_owners_split_keeps_its_proportion():
    (fold,) = make_folds(UNSPLIT, "holdout", "as_published")
    assert sum(s[0] == "P" for s in fold.test) == 4
    assert sum(s[0] == "C" for s in fold.test) == 3


def test_loso_leaves_each_subject_out_once():
    for protocol in PROTOCOLS:
        folds = make_folds(CHALLENGE, "loso", protocol)
        assert [f.test for f in folds] == [
            (s.id,)
            for s in sorted(CHALLENGE, key=lambda s: (s.id[0] == "C", s.id))
        ]
        assert [f.name for f in folds] == [f.test[0] for f in folds]


def test_inner_subjects_are_drawn_by_the_seed():
    draws = {
        make_folds(CHALLENGE, "holdout", "leak_free", seed=s)[0].validation
        for s in range(8)
    }
    again = make_folds(CHALLENGE, "holdout", "leak_free", seed=0)
    assert len(draws) > 1
    assert again == make_folds(CHALLENGE, "holdout", "leak_free", seed=0)


def test_an_overlap_is_refused():
    fold = Fold("f", ("P1", "P2"), ("P3",), ("P2",))
    with pytest.raises(ConfigurationError, match=r"P2.*train and test"):
        fold.check("as_published")
    fold = Fold("f", ("P1",), ("P2",), ("P2",))
    fold.check("as_published")
    with pytest.raises(ConfigurationError, match="validation and test"):
        fold.check("leak_free")


ONE, TWO = ([Subject(f"P{n}", "p", "train") for n in range(m)] for m in (1, 2))


@pytest.mark.parametrize(
    "subjects, evaluation, protocol, says",
    [
        (ONE, "loso", "leak_free", "only one subject"),
        (TWO, "loso", "leak_free", "needs two or more"),
        (TWO, "holdout", "as_published", "both the train"),  # half a split
        (CHALLENGE, "loso", "honest", "leak_free"),
    ],
)
def test_folds_that_cannot_be_made_get_one_line(
    subjects, evaluation, protocol, says
):
    with pytest.raises(ConfigurationError, match=says) as error:
        make_folds(subjects, evaluation, protocol)
    assert "\n" not in str(error.value)
    assert len(make_folds(TWO, "loso", "as_published")) == 2


def test_subjects_of_recordings():
    high = make_recording("P1_D", pain_level=np.full(1000, 2, np.int8))
    low = make_recording("P1_N", pain_level=np.full(1000, 1, np.int8))
    healthy = make_recording("C1_N")
    absent = make_recording("C2_N")
    subjects = subjects_of([low, high, healthy, absent], ["P1", "P1", "C1"])
    assert subjects == [Subject("C1", "healthy0"), Subject("P1", "patient2")]
