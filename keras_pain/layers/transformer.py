"""One block of a transformer encoder: self-attention and feed-forward."""

import keras
from keras import ops

from keras_pain.errors import ConfigurationError
from keras_pain.layers.torch_init import torch_uniform

NORMS = ("post", "pre")

# Which of the dense layers start as a plain linear layer of PyTorch does,
# kernel and bias; the others as Keras' do, Glorot uniform and zero.
_LINEAR = {
    True: {
        "out_proj": ("kernel",),
        "linear1": ("kernel", "bias"),
        "linear2": ("kernel", "bias"),
    },
    False: {},
    "xavier": {"linear1": ("bias",), "linear2": ("bias",)},
    "linear": {
        name: ("kernel", "bias")
        for name in ("in_proj", "out_proj", "linear1", "linear2")
    },
}


@keras.saving.register_keras_serializable(package="keras_pain")
class TransformerEncoder(keras.layers.Layer):
    """Self-attention and feed-forward, each with a residual and a norm.

    The computation and the sub-layers' names are those of PyTorch's
    `TransformerEncoderLayer`, its packed projection of query, key and value
    included, so that released weights need only be transposed. Unlike there,
    heads may be of any size: `num_heads * key_dim` need not be the width.

    Source: Vaswani et al., "Attention is all you need", section 3; "pre" is
    the order of Xiong et al., "On layer normalization in the transformer
    architecture".

    Args:
        num_heads: Number of attention heads.
        key_dim: Size of query, key and value of each head.
        ff_units: Hidden units of the feed-forward part.
        dropout: Dropout rate on attention weights, on the hidden units and on
            both residual branches.
        norm: `"post"`, normalise after the residual is added, or `"pre"`,
            before attention and before the feed-forward part.
        activation: Of the hidden units; Keras' "gelu" is the exact one.
        epsilon: Of both layer normalisations; 1e-5 is PyTorch's, Keras' own
            default is 1e-3.
        torch_init: True, start as PyTorch's `TransformerEncoderLayer` does;
            `"xavier"`, as one inside its `Transformer`, which draws all
            kernels anew from the Glorot uniform distribution; `"linear"`, as
            four plain linear layers, which is what vision transformers are
            made of; False, as Keras does (Glorot uniform kernels, zero
            biases). But for `"linear"`, the packed projection is the same in
            all: Glorot uniform over (width, 3 * num_heads * key_dim), biases
            zero.
        across_batch: Attend from example to example instead of from token to
            token. It is what PyTorch's encoder does to `(batch, tokens,
            width)` when its `batch_first` is forgotten, and kept for networks
            that were published so. An example's output then depends on its
            batch.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        inputs: `(batch, tokens, width)`.
        return_attention_scores: Whether to return the attention, too.

    Returns:
        `(batch, tokens, width)`, or this and the attention weights before
        dropout, `(batch, num_heads, tokens, tokens)`, or, across the batch,
        `(tokens, num_heads, batch, batch)`: each row, a query, sums to one.

    Raises:
        ConfigurationError: `norm` or `torch_init` is unknown.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        ff_units: int,
        dropout: float = 0.0,
        norm: str = "post",
        activation: str = "relu",
        epsilon: float = 1e-5,
        torch_init: bool | str = True,
        across_batch: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if norm not in NORMS:
            raise ConfigurationError(
                f"{self.name}: norm must be one of {', '.join(NORMS)}, "
                f"not {norm!r}"
            )
        if torch_init not in _LINEAR:
            raise ConfigurationError(
                f"{self.name}: torch_init must be one of "
                f"{', '.join(map(str, _LINEAR))}, not {torch_init!r}"
            )
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.ff_units = ff_units
        self.dropout = dropout
        self.norm = norm
        self.activation = keras.activations.get(activation)
        self.epsilon = epsilon
        self.torch_init = torch_init
        self.across_batch = across_batch

    def build(self, input_shape):
        width = input_shape[-1]
        inner = self.num_heads * self.key_dim
        for name, fan_in, units in (
            ("in_proj", width, 3 * inner),
            ("out_proj", inner, width),
            ("linear1", width, self.ff_units),
            ("linear2", self.ff_units, width),
        ):
            start = {
                f"{kind}_initializer": torch_uniform(fan_in)
                for kind in _LINEAR[self.torch_init].get(name, ())
            }
            dense = keras.layers.Dense(
                units, dtype=self.dtype_policy, name=name, **start
            )
            dense.build((*input_shape[:-1], fan_in))
            setattr(self, name, dense)
        for name in ("norm1", "norm2"):
            norm = keras.layers.LayerNormalization(
                epsilon=self.epsilon, dtype=self.dtype_policy, name=name
            )
            norm.build(input_shape)
            setattr(self, name, norm)
        for name in ("dropout_attention", "dropout", "dropout1", "dropout2"):
            drop = keras.layers.Dropout(
                self.dropout, dtype=self.dtype_policy, name=name
            )
            setattr(self, f"_{name}", drop)

    def call(self, inputs, training=None, return_attention_scores=False):
        x = ops.swapaxes(inputs, 0, 1) if self.across_batch else inputs
        if self.norm == "post":
            attended, scores = self._attend(x, training)
            x = self.norm1(x + attended)
            x = self.norm2(x + self._feed_forward(x, training))
        else:
            attended, scores = self._attend(self.norm1(x), training)
            x = x + attended
            x = x + self._feed_forward(self.norm2(x), training)
        x = ops.swapaxes(x, 0, 1) if self.across_batch else x
        return (x, scores) if return_attention_scores else x

    def _attend(self, x, training):
        tokens, heads, size = ops.shape(x)[1], self.num_heads, self.key_dim
        packed = ops.reshape(self.in_proj(x), (-1, tokens, 3, heads, size))
        # (3, batch, heads, tokens, size)
        query, key, value = ops.unstack(
            ops.transpose(packed, (2, 0, 3, 1, 4)), 3
        )
        scores = ops.matmul(query * size**-0.5, ops.swapaxes(key, -1, -2))
        # Exponentials and their sum in float32, also under mixed precision.
        scores = ops.softmax(ops.cast(scores, "float32"), axis=-1)
        scores = ops.cast(scores, self.compute_dtype)
        dropped = self._dropout_attention(scores, training=training)
        mixed = ops.transpose(ops.matmul(dropped, value), (0, 2, 1, 3))
        mixed = ops.reshape(mixed, (-1, tokens, heads * size))
        x = self._dropout1(self.out_proj(mixed), training=training)
        return x, scores

    def _feed_forward(self, x, training):
        x = self.activation(self.linear1(x))
        x = self.linear2(self._dropout(x, training=training))
        return self._dropout2(x, training=training)

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(
        self, inputs, training=None, return_attention_scores=False
    ):
        x = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return x
        batch, tokens, _ = inputs.shape
        if self.across_batch:
            batch, tokens = tokens, batch
        shape = (batch, self.num_heads, tokens, tokens)
        return x, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "ff_units": self.ff_units,
            "dropout": self.dropout,
            "norm": self.norm,
            "activation": keras.activations.serialize(self.activation),
            "epsilon": self.epsilon,
            "torch_init": self.torch_init,
            "across_batch": self.across_batch,
        }
