"""Tokens of image patches, and attention between scales of patches.

Source: Dosovitskiy et al., "An image is worth 16x16 words", section 3.1
(tokens); Chen et al., "CrossViT", section 3.3 (a scale's class token queries
the tokens of another scale); the released AACSFNet code, where all scales
share one cross attention without a residual.
"""

import keras
from keras import ops

from keras_pain.errors import ConfigurationError
from keras_pain.layers.torch_init import torch_uniform

CROSS_KEYS = ("tokens", "class_tokens")
_PARTS = ("query", "key", "value", "proj")


@keras.saving.register_keras_serializable(package="keras_pain")
class ClassTokenAndPositions(keras.layers.Layer):
    """Puts a learned class token in front, and adds learned positions.

    Both start at zero, as in the released AACSFNet code.

    Args:
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, patches, width)`.

    Returns:
        `(batch, 1 + patches, width)`.
    """

    def build(self, input_shape):
        _, patches, width = input_shape
        self.class_token = self.add_weight(
            shape=(1, 1, width), initializer="zeros", name="class_token"
        )
        self.positions = self.add_weight(
            shape=(1, 1 + patches, width),
            initializer="zeros",
            name="positions",
        )

    def call(self, inputs):
        width = inputs.shape[-1]
        token = ops.cast(self.class_token, inputs.dtype)
        token = ops.broadcast_to(token, (ops.shape(inputs)[0], 1, width))
        x = ops.concatenate([token, inputs], axis=1)
        return x + ops.cast(self.positions, x.dtype)

    def compute_output_shape(self, input_shape):
        batch, patches, width = input_shape
        return (batch, 1 + patches, width)


@keras.saving.register_keras_serializable(package="keras_pain")
class CrossAttention(keras.layers.Layer):
    """The class token of each scale asks the other scales.

    One set of projections serves all scales. There is no residual: what comes
    out is only what the other scales answered.

    Args:
        num_heads: Number of heads, a divisor of the width.
        keys: Which tokens of the other scales answer: `"tokens"`, all of
            them, or `"class_tokens"`. With two scales the latter leaves a
            single key, which a softmax always gives the weight one: the
            output is a linear map of the other scale's class token, and query
            and key are never trained.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: A list of at least two scales, each `(batch, tokens, width)`
            with its class token in front.

    Returns:
        A list: `(batch, scales, width)`, one answer a scale, and then for
        each scale its attention `(batch, num_heads, keys)` over the tokens of
        the other scales, those in order.

    Raises:
        ConfigurationError: `keys` is unknown, there are less than two scales,
            or the heads do not divide the width.
    """

    def __init__(self, num_heads: int, keys: str = "tokens", **kwargs):
        super().__init__(**kwargs)
        if keys not in CROSS_KEYS:
            raise ConfigurationError(
                f"{self.name}: keys must be one of {', '.join(CROSS_KEYS)}, "
                f"not {keys!r}"
            )
        self.num_heads = num_heads
        self.keys = keys

    def build(self, input_shape):
        if len(input_shape) < 2:
            raise ConfigurationError(
                f"{self.name}: needs two scales or more, not {len(input_shape)}"
            )
        width = input_shape[0][-1]
        if width % self.num_heads:
            raise ConfigurationError(
                f"{self.name}: {self.num_heads} heads do not divide a width "
                f"of {width}"
            )
        for name in _PARTS:
            dense = keras.layers.Dense(
                width,
                kernel_initializer=torch_uniform(width),
                bias_initializer=torch_uniform(width),
                dtype=self.dtype_policy,
                name=name,
            )
            dense.build((None, None, width))
            setattr(self, name, dense)

    def call(self, inputs):
        # Of all tokens at once: a scale's are asked by every other scale.
        asked = [self._asked(x) for x in inputs]
        keys = [self._heads(self.key(x)) for x in asked]
        values = [self._heads(self.value(x)) for x in asked]
        answers, maps = [], []
        for i, x in enumerate(inputs):
            query = self._heads(self.query(x[:, :1]))
            key = ops.concatenate(keys[:i] + keys[i + 1 :], axis=2)
            value = ops.concatenate(values[:i] + values[i + 1 :], axis=2)
            size = x.shape[-1] // self.num_heads
            scores = ops.matmul(query * size**-0.5, ops.swapaxes(key, -1, -2))
            # In float32, also in mixed precision. It is a softmax; Keras'
            # own warns where there is a single key.
            scores = ops.cast(scores, "float32")
            scores = scores - ops.logsumexp(scores, axis=-1, keepdims=True)
            scores = ops.cast(ops.exp(scores), self.compute_dtype)
            # (batch, heads, 1, size) to (batch, 1, width)
            mixed = ops.transpose(ops.matmul(scores, value), (0, 2, 1, 3))
            mixed = ops.reshape(mixed, (-1, 1, x.shape[-1]))
            answers.append(self.proj(mixed))
            maps.append(ops.squeeze(scores, axis=2))
        return [ops.concatenate(answers, axis=1), *maps]

    def _asked(self, x):
        return x if self.keys == "tokens" else x[:, :1]

    def _heads(self, x):
        tokens, width = x.shape[1:]
        x = ops.reshape(
            x, (-1, tokens, self.num_heads, width // self.num_heads)
        )
        return ops.transpose(x, (0, 2, 1, 3))

    def keys_of(self, tokens: int) -> int:
        """How many of a scale's tokens answer."""
        return tokens if self.keys == "tokens" else 1

    def compute_output_shape(self, input_shape):
        batch, _, width = input_shape[0]
        counts = [self.keys_of(shape[1]) for shape in input_shape]
        return [
            (batch, len(input_shape), width),
            *((batch, self.num_heads, sum(counts) - n) for n in counts),
        ]

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "keys": self.keys,
        }
