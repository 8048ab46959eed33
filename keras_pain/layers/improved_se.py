"""Channel attention from the mean and the maximum of every feature map."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_pain")
class ImprovedSE(keras.layers.Layer):
    """Squeeze-and-excitation with a branch of maxima beside that of means.

    L3D paper (Computer Systems & Applications 2024, 33(2):291-298), section
    2.3, equations 1-5: the global maximum and the global mean of every channel
    each pass FC1, ReLU, FC2 and a sigmoid; the sum of both weights, between 0
    and 2, multiplies the channel. Its figure 3 and equations name one FC1 and
    one FC2 for both branches.

    Args:
        ratio: Channels per unit of FC1, at least one unit. Unsaid in the
            paper: 16, as in squeeze-and-excitation (Hu et al., CVPR 2018).
            Of 32 channels that leaves two units; where both start on the
            dead side of their ReLU (2 of 12 seeds in L3D), the block is a
            constant until the layers before it move.
        shared: Whether the branches share FC1 and FC2, as the equations' names
            say; otherwise each has its own.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, ..., channels)`.

    Returns:
        The weighted input, same shape.
    """

    def __init__(self, ratio: int = 16, shared: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.ratio = ratio
        self.shared = shared

    def build(self, input_shape):
        channels = input_shape[-1]
        self.units = max(channels // self.ratio, 1)
        ends = ("",) if self.shared else ("_max", "_mean")
        self.branches = [
            (
                keras.layers.Dense(
                    self.units,
                    activation="relu",
                    dtype=self.dtype_policy,
                    name=f"fc1{end}",
                ),
                keras.layers.Dense(
                    channels,
                    activation="sigmoid",
                    dtype=self.dtype_policy,
                    name=f"fc2{end}",
                ),
            )
            for end in ends
        ]
        for first, second in self.branches:
            first.build((input_shape[0], channels))
            second.build((input_shape[0], self.units))

    def channel_weights(self, inputs):
        """The attention itself: equations 1-4 and the sum in 5.

        Args:
            inputs: `(batch, ..., channels)`.

        Returns:
            `(batch, channels)`, between 0 and 2.
        """
        places = tuple(range(1, len(inputs.shape) - 1))
        # A mean of 50,000 places in float16 would overflow.
        mean = ops.mean(ops.cast(inputs, "float32"), axis=places)
        pooled = (
            ops.max(inputs, axis=places),
            ops.cast(mean, self.compute_dtype),
        )
        branches = self.branches * (2 if self.shared else 1)
        largest, average = (
            second(first(x))
            for (first, second), x in zip(branches, pooled, strict=True)
        )
        return largest + average

    def call(self, inputs):
        weights = self.channel_weights(inputs)
        places = tuple(range(1, len(inputs.shape) - 1))
        return inputs * ops.expand_dims(weights, places)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "shared": self.shared,
        }
