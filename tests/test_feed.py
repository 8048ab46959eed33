"""Batches: order, coverage, seeds, and agreement with arrays."""

import itertools

import numpy as np

from keras_pain.data.feed import evaluation_batches, num_steps, training_batches


def epochs_of(dataset, count, batch_size, epochs):
    steps = num_steps(count, batch_size)
    batches = list(itertools.islice(dataset, steps * epochs))
    order = [
        np.concatenate([b[0].numpy() for b in batches[i : i + steps]])
        for i in range(0, len(batches), steps)
    ]
    return order, batches


def test_every_epoch_is_another_permutation():
    x = np.arange(103)
    dataset = training_batches((x, x * 2), 10, seed=5)
    order, batches = epochs_of(dataset, 103, 10, 4)
    for epoch in order:
        assert sorted(epoch.tolist()) == x.tolist()
    assert len({tuple(epoch) for epoch in order}) == 4
    for first, second in batches:
        np.testing.assert_array_equal(first * 2, second)


def test_same_seed_same_order():
    x = np.arange(64)
    runs = [
        epochs_of(training_batches((x,), 8, seed), 64, 8, 2)[0]
        for seed in (3, 3, 4, 2**31 - 1)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0], runs[3])


def test_evaluation_is_one_pass_in_order():
    x = np.arange(25)
    batches = [b[0].numpy() for b in evaluation_batches((x,), 10)]
    np.testing.assert_array_equal(np.concatenate(batches), x)
    assert [len(b) for b in batches] == [10, 10, 5]
