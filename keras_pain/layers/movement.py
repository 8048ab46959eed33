"""Layers for movement: channels, body parts, padded frames, attention.

A movement input holds the channels A1..A13, E1..E13, sEMG1..sEMG4; a body part
is the pair (angle c, energy c) (BANet, section III.B). `FoldBodyParts` turns
the parts into more rows of the batch, so that a shared encoder runs over all
of them in one pass; the grouped layers hold one set of weights a part and run
all of them at once: thirteen small LSTMs would cost thirteen loops over time.
"""

import keras
import numpy as np
from keras import ops

from keras_pain.layers.base import BaseLayer, check_choice, require

AXES = ("time", "sensors")

# Far below any score, yet finite: exp of it is exactly zero in float32.
_MASKED_SCORE = -1e9


def _over_features(mask, x):
    """A mask `(batch, time)` with the rank of `x`."""
    return ops.reshape(mask, (*ops.shape(mask), *[1] * (len(x.shape) - 2)))


class SelectChannels(BaseLayer):
    """Keeps the channels from `start` up to, not including, `stop`, if given.

    `(batch, ..., channels)` to `(batch, ..., kept channels)`; the mask of the
    frames goes on unchanged.
    """

    start: int = 0
    stop: int | None = None
    keeps_mask = True

    def call(self, inputs):
        return inputs[..., self.start : self.stop]

    def compute_output_shape(self, input_shape):
        kept = range(input_shape[-1])[self.start : self.stop]
        return (*input_shape[:-1], len(kept))


class _BodyPartsLayer(BaseLayer):
    parts: int = 13  # angles of EmoPain
    features: int = 2  # channels of each part: angle and energy
    keeps_mask = True


class SplitBodyParts(_BodyPartsLayer):
    """`(batch, time, channels)` to `(batch, time, parts, features)`.

    The first channel of all parts comes first, then the second; those behind
    (sEMG) are left out.
    """

    def build(self, input_shape):
        if input_shape[-1] < self.features * self.parts:
            text = f"{self.name} needs {self.features} channels of each of "
            text += f"{self.parts} parts, not {input_shape[-1]} in all"
            raise ValueError(text)

    def call(self, inputs):
        used = inputs[..., : self.features * self.parts]
        return ops.stack(ops.split(used, self.features, axis=-1), axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], self.parts, self.features)


class JoinBodyParts(_BodyPartsLayer):
    """`(batch, time, parts, features)` to `(batch, time, features * parts)`.

    The inverse of `SplitBodyParts`: angles first, then energies.
    """

    def call(self, inputs):
        return ops.concatenate(ops.unstack(inputs, axis=-1), axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], self.features * self.parts)


class FoldBodyParts(SplitBodyParts):
    """`(batch, time, channels)` to `(batch * parts, time, features)`.

    The parts of one window are neighbouring rows, and each row carries its
    window's mask.
    """

    def call(self, inputs):
        split = ops.transpose(super().call(inputs), (0, 2, 1, 3))
        return ops.reshape(split, (-1, *ops.shape(split)[2:]))

    def compute_mask(self, inputs, mask=None):
        return None if mask is None else ops.repeat(mask, self.parts, axis=0)

    def compute_output_shape(self, input_shape):
        batch, time, _ = input_shape
        return (batch and batch * self.parts, time, self.features)


class UnfoldBodyParts(_BodyPartsLayer):
    """`(batch * parts, time, features)` to `(batch, time, parts, features)`."""

    def call(self, inputs):
        shape = (-1, self.parts, *ops.shape(inputs)[1:])
        return ops.transpose(ops.reshape(inputs, shape), (0, 2, 1, 3))

    def compute_mask(self, inputs, mask=None):
        if mask is None:
            return None
        return ops.reshape(mask, (-1, self.parts, mask.shape[1]))[:, 0]

    def compute_output_shape(self, input_shape):
        rows, time, features = input_shape
        return (rows and rows // self.parts, time, self.parts, features)


class FrameMasking(BaseLayer):
    """Masks the frames whose every feature equals `mask_value`.

    `keras.layers.Masking` looks at the last axis only; this layer looks at all
    axes after time, so it also serves `(batch, time, parts, features)`. Masked
    frames come out as zero.
    """

    mask_value: float = 0.0

    def call(self, inputs):
        mask = _over_features(self.compute_mask(inputs), inputs)
        return ops.where(mask, inputs, ops.zeros_like(inputs))

    def compute_mask(self, inputs, mask=None):
        axes = tuple(range(2, len(inputs.shape)))
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=axes)


class TemporalAttention(BaseLayer):
    """One weight a frame; the output *is* the attention map.

    The score of a frame is a 1x1 convolution of its features, with own
    weights for every group (body part). Padded frames weigh exactly zero and
    the other frames sum to one. A softmax ignores what is added to all of its
    inputs, so the bias cannot be trained; it is here because the papers count
    it. Source: BANet, section III.B, and its released code.

    Takes `(batch, time, features)` or `(batch, time, groups, features)` and a
    mask `(batch, time)`, true on real frames; returns weights `(batch, time)`
    or `(batch, time, groups)`.
    """

    keeps_mask = False

    def build(self, input_shape):
        groups = input_shape[2] if len(input_shape) == 4 else 1

        def start(shape, dtype):
            # Conv1D's own start: fans of a kernel (1, features, 1).
            return _glorot((*shape, 1), dtype)[..., 0]

        shape = groups, input_shape[-1]
        self.kernel = self.add_weight(shape, start, name="kernel")
        self.bias = self.add_weight((groups,), "zeros", name="bias")

    def call(self, inputs, mask=None):
        kernel, bias = self.kernel, self.bias
        if len(inputs.shape) == 3:
            kernel, bias = kernel[0], bias[0]
        scores = ops.sum(inputs * kernel, axis=-1) + bias
        # In float16, 180 exponentials and their sum lose too much.
        scores = ops.cast(scores, "float32")
        if mask is not None:
            mask = _over_features(mask, scores)
            scores = ops.where(mask, scores, _MASKED_SCORE)
        weights = ops.softmax(scores, axis=1)
        if mask is not None:
            # A window without a single real frame gets no weight at all.
            weights = ops.where(mask, weights, 0.0)
        return ops.cast(weights, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]


class AttentionPooling(BaseLayer):
    """Weighted sum over time.

    Takes a list of weights `(batch, time[, groups])`, as `TemporalAttention`
    returns them, and features `(batch, time[, groups], features)`; returns
    `(batch[, groups], features)`.
    """

    keeps_mask = False

    def call(self, inputs):
        weights, features = inputs
        return ops.sum(ops.expand_dims(weights, -1) * features, axis=1)

    def compute_output_shape(self, input_shape):
        batch, _, *rest = input_shape[1]
        return (batch, *rest)


class MaskedSumPooling(BaseLayer):
    """Plain sum over the real frames, `(batch, time, ...)` to `(batch, ...)`.

    The released BANet code does so in its variant without temporal attention.
    """

    keeps_mask = False

    def call(self, inputs, mask=None):
        if mask is not None:
            mask = _over_features(mask, inputs)
            inputs = ops.where(mask, inputs, ops.zeros_like(inputs))
        return ops.sum(inputs, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *input_shape[2:])


class OrientedPooling(BaseLayer):
    """Mean over one axis of feature maps over time and sensors.

    Source: L-SFAN (arXiv 2406.16913), abstract ("oriented global pooling
    layer"), and its released code. The mean removes `axis`, `"time"` or
    `"sensors"`. With `bins`, the axis that is left is spread over so many equal
    parts, each the mean of the positions that it touches, so that there may be
    more parts than positions: `axis="time"` is PyTorch's
    `AdaptiveAvgPool2d((1, bins))` on (time, sensors).

    Takes `(batch, time, sensors, channels)`, returns `(batch, sensors,
    channels)` for `axis="time"`, `(batch, time, channels)` for
    `axis="sensors"`; with `bins`, `(batch, bins, channels)`. Raises
    ConfigurationError where `axis` is unknown.
    """

    axis: str
    bins: int | None = None

    def set_up(self):
        check_choice(self.name, "axis", self.axis, AXES)

    def call(self, inputs):
        x = ops.mean(inputs, axis=1 + AXES.index(self.axis))
        if self.bins is None:
            return x
        # Part i covers the positions from floor(i * size / bins) up to, not
        # including, ceil((i + 1) * size / bins).
        part, position = np.arange(self.bins), np.arange(x.shape[1])[:, None]
        start, stop = part * len(position), (part + 1) * len(position)
        covered = position >= start // self.bins
        covered &= position < -(-stop // self.bins)
        shares = (covered / covered.sum(axis=0)).astype(np.float32)
        shares = ops.convert_to_tensor(shares, x.dtype)
        return ops.einsum("bpc,pn->bnc", x, shares)

    def compute_output_shape(self, input_shape):
        batch, time, sensors, channels = input_shape
        left = sensors if self.axis == "time" else time
        return (batch, self.bins or left, channels)


@keras.saving.register_keras_serializable(package="keras_pain")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of feature maps over time and sensors, sooner.

    The numbers and weights of `keras.layers.BatchNormalization` over the last
    axis, and its name, by which Keras finds weights in a file. On a CPU an axis
    of 2 to 16 channels is too short for its vector units: here statistics and
    scaling run over sensors and channels as one axis, and the gradient is
    written out (Ioffe and Szegedy, ICML 2015, section 3). The momentum and
    epsilon are those of PyTorch.

    `(batch, time, sensors, channels)` to the same.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None):
        sensors, channels = inputs.shape[-2:]
        x = ops.reshape(inputs, (-1, sensors * channels))
        x = ops.cast(x, "float32")  # half precision would overflow
        gamma, beta = (ops.tile(w, sensors) for w in (self.gamma, self.beta))
        if training and self.trainable:
            y = self._trained(x, gamma, beta)
        else:
            inverse = ops.rsqrt(self.moving_variance + self.epsilon)
            scale = gamma * ops.tile(inverse, sensors)
            shift = beta - ops.tile(self.moving_mean, sensors) * scale
            y = x * scale + shift
        y = ops.reshape(y, (-1, *inputs.shape[1:]))
        return ops.cast(y, self.compute_dtype)

    def _trained(self, x, gamma, beta):
        channels = self.gamma.shape[0]
        sensors = x.shape[1] // channels
        rows = ops.cast(ops.shape(x)[0], "float32")

        def mean_of(sums):
            sums = ops.sum(ops.reshape(sums, (sensors, channels)), axis=0)
            return ops.tile(sums / (rows * sensors), sensors)

        fixed = ops.stop_gradient(x)
        mean = mean_of(ops.sum(fixed, axis=0))
        centred = fixed - mean
        variance = mean_of(ops.sum(centred * centred, axis=0))
        inverse = ops.rsqrt(variance + self.epsilon)
        for moving, new in (
            (self.moving_mean, mean[:channels]),
            (self.moving_variance, variance[:channels]),
        ):
            moving.assign(moving * self.momentum + new * (1 - self.momentum))

        @ops.custom_gradient
        def normalise(x, gamma, beta):
            def grad(*args, upstream=None):
                dy = args[0] if upstream is None else upstream
                of_beta = ops.sum(dy, axis=0)
                of_gamma = ops.sum(dy * centred, axis=0) * inverse
                scale = gamma * inverse
                slope = -scale * inverse * mean_of(of_gamma)
                dx = dy * scale + (centred * slope - scale * mean_of(of_beta))
                return dx, of_gamma, of_beta

            return centred * (gamma * inverse) + beta, grad

        return normalise(x, gamma, beta)


class TimeMaxPooling(BaseLayer):
    """The larger of every two frames; an odd last one is left out.

    As `MaxPooling2D((2, 1))`, whose gradient is slow on a CPU.
    `(batch, time, sensors, channels)` to `(batch, time // 2, ...)`.
    """

    def call(self, inputs):
        pairs, *rest = self.compute_output_shape(inputs.shape)[1:]
        wide = (-1, pairs, 2, rest[0] * rest[1])
        x = ops.reshape(inputs[:, : 2 * pairs], wide)
        x = ops.maximum(*ops.unstack(x, 2, axis=2))
        return ops.reshape(x, (-1, pairs, *rest))

    def compute_output_shape(self, input_shape):
        batch, time, *rest = input_shape
        return (batch, time // 2, *rest)


def _per_group(initializer):
    """An initializer that draws every group of the first axis on its own.

    Drawn at once, fans and orthogonality would be those of the whole block.
    """

    def draw(shape, dtype=None):
        # A new instance a group: one instance repeats the same numbers.
        new = keras.initializers.get
        groups = range(shape[0])
        return ops.stack([new(initializer)(shape[1:], dtype) for _ in groups])

    return draw


_glorot = _per_group("glorot_uniform")


def _lstm_bias(shape, dtype=None):
    """Zeros, but ones for the forget gate, as in `keras.layers.LSTM`."""
    bias = np.zeros((shape[0], 4, shape[1] // 4), np.float32)
    bias[:, 1] = 1.0
    return ops.convert_to_tensor(bias.reshape(shape), dtype)


class GroupedLSTMCell(BaseLayer):
    """One step of `groups` LSTMs whose inputs are projected already.

    States are flat, `(batch, groups * units)`: `keras.layers.RNN` masks states
    of rank two correctly on every backend. For the arguments see `GroupedLSTM`.
    """

    units: int
    groups: int
    recurrent_activation: str = "sigmoid"

    def set_up(self):
        self.output_size = self.groups * self.units
        self.state_size = [self.output_size] * 2

    def build(self, input_shape):
        shape = self.groups, self.units, 4 * self.units
        start, name = _per_group("orthogonal"), "recurrent_kernel"
        self.recurrent_kernel = self.add_weight(shape, start, name=name)

    def call(self, inputs, states):
        shape = (-1, self.groups, self.units)
        hidden, carry = (ops.reshape(state, shape) for state in states)
        gates = ops.reshape(inputs, (-1, self.groups, 4 * self.units))
        gates += ops.einsum("bgu,guk->bgk", hidden, self.recurrent_kernel)
        enter, forget, new, leave = ops.split(gates, 4, axis=-1)
        gate = self.recurrent_activation
        carry = gate(forget) * carry + gate(enter) * ops.tanh(new)
        hidden = gate(leave) * ops.tanh(carry)
        flat = (-1, self.output_size)
        hidden, carry = ops.reshape(hidden, flat), ops.reshape(carry, flat)
        return hidden, [hidden, carry]


class GroupedLSTM(BaseLayer):
    """`groups` LSTMs with their own weights, in one pass over time.

    The input projection of all steps is one product before the loop. Equal to
    `groups` layers `keras.layers.LSTM(units)` side by side, whose weights it
    lays out alike. Padded frames yield zeros (`zero_output_for_mask`) or repeat
    the last real frame's output.

    Takes `(batch, time, groups, features)` and a mask `(batch, time)`, true on
    real frames; returns `(batch, time, groups, units)`, with `return_state` a
    tuple of it and the last hidden and carry states, `(batch, groups, units)`.
    """

    units: int
    groups: int
    recurrent_activation: str = "sigmoid"
    return_state: bool = False
    zero_output_for_mask: bool = False

    def set_up(self):
        # Said to both: a frozen layer read from a file must freeze all of it.
        shared = {"dtype": self.dtype_policy, "trainable": self.trainable}
        sizes = (self.units, self.groups, self.recurrent_activation)
        cell = GroupedLSTMCell(*sizes, name="cell", **shared)
        shared |= {"return_sequences": True, "return_state": True}
        shared["zero_output_for_mask"] = self.zero_output_for_mask
        self.loop = keras.layers.RNN(cell, name="loop", **shared)

    def build(self, input_shape):
        batch, time, groups, features = input_shape
        text = f"needs {self.groups} groups, not {groups}"
        require(groups == self.groups, self.name, text)
        gates = 4 * self.units
        shape = groups, features, gates
        self.kernel = self.add_weight(shape, _glorot, name="kernel")
        self.bias = self.add_weight((groups, gates), _lstm_bias, name="bias")
        self.loop.build((batch, time, groups * gates))

    def call(self, inputs, mask=None):
        gates = ops.einsum("btgf,gfk->btgk", inputs, self.kernel) + self.bias
        steps = ops.shape(gates)[1]
        flat = ops.reshape(gates, (-1, steps, self.groups * 4 * self.units))
        sequence, *states = self.loop(flat, mask=mask)
        state_shape = (-1, self.groups, self.units)
        sequence = ops.reshape(sequence, (-1, steps, *state_shape[1:]))
        if not self.return_state:
            return sequence
        return sequence, *(ops.reshape(s, state_shape) for s in states)

    def compute_mask(self, inputs, mask=None):
        return [mask, None, None] if self.return_state else mask

    def compute_output_shape(self, input_shape):
        sequence = (*input_shape[:2], self.groups, self.units)
        state = (input_shape[0], self.groups, self.units)
        return (sequence, state, state) if self.return_state else sequence


class GroupedDense(BaseLayer):
    """`groups` linear layers with their own weights, side by side.

    `(batch, time, groups, features)` to `(batch, time, groups, units)`.
    """

    units: int
    keeps_mask = True

    def build(self, input_shape):
        groups, features = input_shape[-2:]
        shape = groups, features, self.units
        self.kernel = self.add_weight(shape, _glorot, name="kernel")
        self.bias = self.add_weight((groups, self.units), "zeros", name="bias")

    def call(self, inputs):
        return ops.einsum("btgf,gfk->btgk", inputs, self.kernel) + self.bias

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)
