"""Layers that hold one set of weights a group and run all groups at once.

Thirteen small LSTMs cost thirteen loops over time; a grouped one costs a
single loop. Each group's weights are laid out as in `keras.layers.LSTM` and
`keras.layers.Dense`, so that a group equals one of those layers.
"""

from collections.abc import Callable

import keras
from keras import ops


def per_group(initializer: str) -> Callable:
    """An initializer that draws every group of the first axis on its own.

    Drawn at once, fans and orthogonality would be those of the whole block.

    Args:
        initializer: Name of a Keras initializer.

    Returns:
        A function of (shape, dtype).
    """

    def draw(shape, dtype=None):
        # A new instance a group: one instance repeats the same numbers.
        return ops.stack(
            [
                keras.initializers.get(initializer)(shape[1:], dtype=dtype)
                for _ in range(shape[0])
            ]
        )

    return draw


def _lstm_bias(shape, dtype=None):
    """Zeros, but ones for the forget gate, as in `keras.layers.LSTM`."""
    groups, units = shape[0], shape[1] // 4
    zeros = ops.zeros((groups, units), dtype=dtype)
    ones = ops.ones((groups, units), dtype=dtype)
    return ops.concatenate([zeros, ones, zeros, zeros], axis=-1)


@keras.saving.register_keras_serializable(package="keras_pain")
class GroupedLSTMCell(keras.layers.Layer):
    """One step of `groups` LSTMs whose inputs are projected already.

    States are flat, `(batch, groups * units)`: `keras.layers.RNN` masks
    states of rank two correctly on every backend.

    Args:
        units: Units of every group.
        groups: Number of groups.
        recurrent_activation: Activation of the gates.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def __init__(
        self,
        units: int,
        groups: int,
        recurrent_activation: str = "sigmoid",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.groups = groups
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.state_size = [groups * units, groups * units]
        self.output_size = groups * units

    def build(self, input_shape):
        self.recurrent_kernel = self.add_weight(
            shape=(self.groups, self.units, 4 * self.units),
            initializer=per_group("orthogonal"),
            name="recurrent_kernel",
        )

    def call(self, inputs, states):
        hidden, carry = (
            ops.reshape(state, (-1, self.groups, self.units))
            for state in states
        )
        gates = ops.reshape(inputs, (-1, self.groups, 4 * self.units))
        gates = gates + ops.einsum(
            "bgu,guk->bgk", hidden, self.recurrent_kernel
        )
        enter, forget, new, leave = ops.split(gates, 4, axis=-1)
        gate = self.recurrent_activation
        carry = gate(forget) * carry + gate(enter) * ops.tanh(new)
        hidden = gate(leave) * ops.tanh(carry)
        flat = (-1, self.groups * self.units)
        hidden, carry = ops.reshape(hidden, flat), ops.reshape(carry, flat)
        return hidden, [hidden, carry]

    def get_config(self) -> dict:
        activation = keras.activations.serialize(self.recurrent_activation)
        return {
            **super().get_config(),
            "units": self.units,
            "groups": self.groups,
            "recurrent_activation": activation,
        }


@keras.saving.register_keras_serializable(package="keras_pain")
class GroupedLSTM(keras.layers.Layer):
    """`groups` LSTMs with their own weights, in one pass over time.

    The input projection of all steps is one product before the loop. Equal to
    `groups` layers `keras.layers.LSTM(units)` side by side.

    Args:
        units: Units of every group.
        groups: Number of groups.
        recurrent_activation: Activation of the gates.
        return_state: Whether to return the last states, too.
        zero_output_for_mask: Whether padded frames yield zeros; otherwise they
            repeat the last real frame's output.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, groups, features)`.
        mask: `(batch, time)`, true on real frames.

    Returns:
        `(batch, time, groups, units)`; with `return_state` a tuple of it and
        the last hidden and carry states, `(batch, groups, units)` each.
    """

    def __init__(
        self,
        units: int,
        groups: int,
        recurrent_activation: str = "sigmoid",
        return_state: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.groups = groups
        self.return_state = return_state
        self.zero_output_for_mask = zero_output_for_mask
        # Said to both: a frozen layer read from a file must freeze all of it.
        shared = {"dtype": self.dtype_policy, "trainable": self.trainable}
        self.loop = keras.layers.RNN(
            GroupedLSTMCell(
                units, groups, recurrent_activation, name="cell", **shared
            ),
            return_sequences=True,
            return_state=True,
            zero_output_for_mask=zero_output_for_mask,
            name="loop",
            **shared,
        )

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(self.groups, input_shape[-1], 4 * self.units),
            initializer=per_group("glorot_uniform"),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(self.groups, 4 * self.units),
            initializer=_lstm_bias,
            name="bias",
        )
        width = self.groups * 4 * self.units
        self.loop.build((input_shape[0], input_shape[1], width))

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
        batch, time = input_shape[:2]
        sequence = (batch, time, self.groups, self.units)
        if not self.return_state:
            return sequence
        state = (batch, self.groups, self.units)
        return sequence, state, state

    def get_config(self) -> dict:
        cell = self.loop.cell.get_config()
        return {
            **super().get_config(),
            "units": self.units,
            "groups": self.groups,
            "recurrent_activation": cell["recurrent_activation"],
            "return_state": self.return_state,
            "zero_output_for_mask": self.zero_output_for_mask,
        }


@keras.saving.register_keras_serializable(package="keras_pain")
class GroupedDense(keras.layers.Layer):
    """`groups` linear layers with their own weights, side by side.

    Args:
        units: Units of every group.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, time, groups, features)`.

    Returns:
        `(batch, time, groups, units)`.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        groups, features = input_shape[-2:]
        self.kernel = self.add_weight(
            shape=(groups, features, self.units),
            initializer=per_group("glorot_uniform"),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(groups, self.units), initializer="zeros", name="bias"
        )

    def call(self, inputs):
        return ops.einsum("btgf,gfk->btgk", inputs, self.kernel) + self.bias

    def compute_mask(self, inputs, mask=None):
        return mask

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict:
        return {**super().get_config(), "units": self.units}
