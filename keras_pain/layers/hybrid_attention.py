"""Attention over the channels and over the places of feature maps.

Source: Woo et al., "CBAM: Convolutional block attention module"; sizes are
those of the released AACSFNet code, whose channel attention pools by the mean
alone. The layers put out the weights; who uses them multiplies.
"""

import keras
from keras import ops

from keras_pain.errors import ConfigurationError
from keras_pain.layers.torch_init import torch_uniform


@keras.saving.register_keras_serializable(package="keras_pain")
class ChannelAttention(keras.layers.Layer):
    """One weight a channel, between 0 and 1, from the channels' means.

    Two dense layers without biases, a ReLU between them, a sigmoid at the
    end.

    Args:
        reduction: The hidden layer has the channels divided by this, and at
            least one unit.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, height, width, channels)`.

    Returns:
        `(batch, 1, 1, channels)`.

    Raises:
        ConfigurationError: `reduction` is less than one.
    """

    def __init__(self, reduction: int = 16, **kwargs):
        super().__init__(**kwargs)
        if reduction < 1:
            raise ConfigurationError(
                f"{self.name}: reduction must be 1 or more, not {reduction}"
            )
        self.reduction = reduction

    def build(self, input_shape):
        channels = input_shape[-1]
        self.hidden_units = max(1, channels // self.reduction)
        for name, fan_in, units in (
            ("squeeze", channels, self.hidden_units),
            ("excite", self.hidden_units, channels),
        ):
            dense = keras.layers.Dense(
                units,
                use_bias=False,
                kernel_initializer=torch_uniform(fan_in),
                dtype=self.dtype_policy,
                name=name,
            )
            dense.build((None, 1, 1, fan_in))
            setattr(self, name, dense)

    def call(self, inputs):
        x = ops.mean(inputs, axis=(1, 2), keepdims=True)
        return ops.sigmoid(self.excite(ops.relu(self.squeeze(x))))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1, 1, input_shape[-1])

    def get_config(self) -> dict:
        return {**super().get_config(), "reduction": self.reduction}


@keras.saving.register_keras_serializable(package="keras_pain")
class SpatialAttention(keras.layers.Layer):
    """One weight a place, between 0 and 1; the output *is* the map.

    The mean and the maximum over channels are two maps, over which one
    convolution runs.

    Args:
        kernel_size: Height and width of the convolution's window; odd.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, height, width, channels)`.

    Returns:
        `(batch, height, width, 1)`.

    Raises:
        ConfigurationError: `kernel_size` is even.
    """

    def __init__(self, kernel_size: int = 7, **kwargs):
        super().__init__(**kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ConfigurationError(
                f"{self.name}: kernel_size must be odd, not {kernel_size}"
            )
        self.kernel_size = kernel_size

    def build(self, input_shape):
        fan_in = 2 * self.kernel_size**2
        self.conv = keras.layers.Conv2D(
            1,
            self.kernel_size,
            padding="same",
            data_format="channels_last",
            kernel_initializer=torch_uniform(fan_in),
            bias_initializer=torch_uniform(fan_in),
            dtype=self.dtype_policy,
            name="conv",
        )
        self.conv.build((*input_shape[:-1], 2))

    def call(self, inputs):
        mean = ops.mean(inputs, axis=-1, keepdims=True)
        highest = ops.max(inputs, axis=-1, keepdims=True)
        return ops.sigmoid(self.conv(ops.concatenate([mean, highest], -1)))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)

    def get_config(self) -> dict:
        return {**super().get_config(), "kernel_size": self.kernel_size}
