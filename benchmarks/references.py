"""What the suite is measured against: the same work as papers and scripts do.

Nothing here is copied: networks, loops and rules are written from their
descriptions. `run.py` times them; the tests hold them equal to the suite's own.
"""

import contextlib
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from keras_pain.corpora.recording import activity_segments
from keras_pain.data.feed import evaluation_batches
from keras_pain.data.windows import arranged, cut_windows
from keras_pain.experiments.folds import prepare_fold
from keras_pain.experiments.methods import FitReport
from keras_pain.experiments.metrics import compute_metrics
from keras_pain.experiments.network import WindowMethod, one_hot
from keras_pain.experiments.optim import class_weights, set_seeds
from keras_pain.experiments.runner import Task, fold_seed
from keras_pain.models.registry import MODELS

PARTS = 13


def branch_model(
    input_shape: tuple[int, int],
    *,
    units: int = 8,
    attention: str = "both",
    own_encoders: bool = False,
    masked: bool = True,
    dropout: float = 0.0,
) -> keras.Model:
    """BANet as published: a branch a body part, stock layers only; or ALANet.

    Thirteen branches through one shared encoder are slow to trace and to
    train, which is why the package folds them into one pass.

    Args:
        input_shape: `(time, channels)`.
        units: Units of the LSTM layers.
        attention: "both", "temporal" or "bodily".
        own_encoders: One LSTM a part, as in ALANet, instead of BANet's stack.
        masked: Whether frames of zeros are masked; BANet's code does not.
        dropout: After each LSTM; BANet has 0.5.

    Returns:
        The model; its layers are named after the folded model's, with the
        part's number behind.
    """
    inputs = keras.Input(input_shape)
    mask = ops.any(ops.not_equal(inputs, 0.0), axis=-1) if masked else None
    shared = [_lstm(units, f"lstm_{i}") for i in (1, 2, 3)]
    pooled = []
    for c in range(PARTS):
        x = ops.stack([inputs[:, :, c], inputs[:, :, PARTS + c]], axis=-1)
        encoder = [_lstm(units, f"encoder_{c}")] if own_encoders else shared
        for lstm in encoder:
            x = lstm(x, mask=mask)
            x = layers.Dropout(dropout)(x) if dropout else x
        seen = ops.expand_dims(mask, -1) if masked else None
        if attention != "bodily":
            scores = layers.Conv1D(1, 1, name=f"temporal_attention_{c}")(x)
            x = layers.Softmax(axis=1)(scores, mask=seen) * x
        elif masked:
            x = ops.cast(seen, "float32") * x
        pooled.append(ops.sum(x, axis=1))
    x = ops.stack(pooled, axis=-1)
    if attention != "temporal":
        hidden = layers.Dense(PARTS, "tanh", name="bodily_hidden")(x)
        weights = layers.Dense(PARTS, "softmax", name="bodily_attention")
        x = x * weights(hidden)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, layers.Dense(2, "softmax", name="out")(x))


def _lstm(units: int, name: str) -> keras.layers.Layer:
    return layers.LSTM(units, return_sequences=True, name=name)


def torch_lsfan():
    """L-SFAN in PyTorch: logits from `(batch, 1, 180, 30)`.

    Names and order are as released. Raises ImportError without PyTorch.
    """
    from torch import nn

    class LSFAN(nn.Module):
        def __init__(self):
            super().__init__()
            stack, channels = [], 1
            for i, filters in enumerate((2, 4, 8, 16)):
                stack += [
                    nn.Conv2d(channels, filters, 3, padding=(0, 1)),
                    nn.BatchNorm2d(filters),
                    nn.ReLU(),
                ]
                if i % 2:
                    stack.append(nn.MaxPool2d((2, 1), (2, 1)))
                channels = filters
            self.FrameFeatureExtractor = nn.Sequential(*stack)
            # Registered, then copied into the encoder, and never called.
            self.encoderlayer = nn.TransformerEncoderLayer(
                d_model=30,
                nhead=5,
                dim_feedforward=30,
                dropout=0.2,
                batch_first=True,
            )
            self.encoder = nn.TransformerEncoder(
                self.encoderlayer, num_layers=1
            )
            self.Classifier = nn.Sequential(nn.Flatten(), nn.Linear(480, 2))

        def forward(self, x):
            maps = self.FrameFeatureExtractor(x)
            return self.Classifier(self.encoder(maps.mean(dim=2)))

    return LSFAN()


def torch_pass(
    x: np.ndarray, y: np.ndarray, batch: int, training: bool
) -> Callable[[], object]:
    """A loop over all windows `(n, 180, 30)`, once: a `DataLoader`, as usual.

    It trains by Adam and a cross-entropy weighted by one minus a class's share,
    or predicts probabilities.
    """
    import torch
    from torch.utils import data

    torch.manual_seed(0)
    network = torch_lsfan()
    dataset = data.TensorDataset(torch.from_numpy(x[:, None]), torch.tensor(y))
    batches = data.DataLoader(dataset, batch, shuffle=training)
    share = torch.bincount(torch.tensor(y), minlength=2) / len(y)
    criterion = torch.nn.CrossEntropyLoss(weight=1 - share)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def train():
        network.train()
        for windows, labels in batches:
            optimizer.zero_grad()
            criterion(network(windows), labels).backward()
            optimizer.step()

    def predict():
        network.eval()
        with torch.no_grad():
            return [
                torch.softmax(network(w), dim=1).numpy() for w, _ in batches
            ]

    return train if training else predict


class Apart:
    """A call in a process of its own, which waits between its turns.

    Two frameworks in one process disturb each other's threads and memory.
    `make(*arguments)` makes the call there; `processor` are the seconds of all
    cores that calls have taken so far.
    """

    def __init__(self, make: Callable, *arguments):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.processor = 0.0
        given = (theirs, make, arguments)
        context.Process(target=_serve, args=given, daemon=True).start()
        theirs.close()

    def __call__(self):
        self.pipe.send(True)
        self.processor += self.pipe.recv()

    def close(self) -> None:
        """Ends the process."""
        self.pipe.close()


def _serve(pipe, make, arguments):
    call = make(*arguments)
    with contextlib.suppress(EOFError):  # closed at the other end
        while pipe.recv():
            before = time.process_time()
            call()
            pipe.send(time.process_time() - before)


def list_of_windows(
    recordings: Sequence[Mapping], length: int = 180, step: int = 45
) -> tuple[np.ndarray, np.ndarray]:
    """`sliding_windows` at its defaults as scripts have it: a Python list."""
    windows, labels = [], []
    for recording in recordings:
        frames = np.concatenate(
            [recording[name] for name in ("angles", "energies", "semg")], axis=1
        )
        begins, ends, _ = activity_segments(recording["activity"])
        for begin, end in zip(begins, ends, strict=True):
            for start in range(begin, max(end - length, begin) + step, step):
                stop = min(start + length, end)
                window = np.zeros((length, frames.shape[1]), np.float32)
                window[: stop - start] = frames[start:stop]
                votes = recording["protective"][start:stop]
                if (votes >= 0).all():
                    windows.append(window)
                    labels.append(int(2 * (votes == 1).sum() > len(votes)))
    return np.array(windows), np.array(labels)


def plain_fold(load, settings, task: Task, epochs: int, folder: Path) -> None:
    """One fold with nothing kept, as a script of one's own would have it.

    It reads, cuts, scales and augments the data, builds, compiles and traces
    the network, trains, predicts, and saves to the new `folder`.
    """
    # `clear_session` and Keras' own seeding would throw away what the runner
    # keeps, in its turn; a network that is built anew has nothing to lose.
    entry, seed = MODELS[task.method], fold_seed(task.key.seed, task.number)
    set_seeds(seed)
    data = prepare_fold(cut_windows(load(), settings), task.fold, seed)
    train, validation, test = (
        arranged(part, entry.channel_order)
        for part in (data.augmented, data.validation, data.test)
    )
    method = WindowMethod(task.method, epochs)
    method.build(train.x.shape[1:], train.num_classes)
    model = method.model
    # Else it would be traced apart, to time that; here `fit` traces it.
    model.make_train_function()
    weights = class_weights(train.y, train.num_classes, entry.recipe)
    held = (validation.x, one_hot(validation))
    method.train_arrays(
        FitReport(), train.x, one_hot(train), weights, held, seed
    )
    probabilities = model.predict(
        evaluation_batches((test.x,), len(test)), verbose=0
    )
    compute_metrics(test.y, probabilities, test.num_classes)
    folder.mkdir(parents=True)
    model.save(folder / "model.keras")
    np.save(folder / "probabilities.npy", probabilities)
