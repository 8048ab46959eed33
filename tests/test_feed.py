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


def test_whole_batches_have_the_same_mean():
    x = np.arange(1, 24, dtype=np.float32)
    weights = np.linspace(0.5, 2, 23).astype(np.float32)
    for given in ((x, x), (x, x, weights)):
        plain = training_batches(given, 10, seed=1)
        whole = training_batches(given, 10, seed=1, whole=True)
        for a, b in itertools.islice(zip(plain, whole, strict=True), 6):
            assert len(b[0]) == 10
            share = a[2] if len(a) > 2 else np.ones(len(a[0]))
            mean = np.sum(a[0] * share) / len(a[0])
            np.testing.assert_allclose(np.mean(b[0] * b[2]), mean, rtol=1e-6)
    frames = np.ones((23, 4), np.float32)  # weights of frames
    batches = training_batches((x, x, frames), 10, seed=1, whole=True)
    last = list(itertools.islice(batches, 3))[-1][2].numpy()
    assert last.shape == (10, 4) and last.sum() == 40 and not last[3:].any()
