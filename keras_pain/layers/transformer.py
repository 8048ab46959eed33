"""Transformer blocks: an encoder, tokens of patches, attention of scales."""

import keras
from keras import ops

from keras_pain.layers.base import BaseLayer, check_choice, require, torch_start

NORMS = ("post", "pre")
CROSS_KEYS = ("tokens", "class_tokens")
_PARTS = ("query", "key", "value", "proj")

# Which of the dense layers start as a plain linear layer of PyTorch does,
# kernel and bias; the others as Keras' do, Glorot uniform and zero.
_BOTH = ("kernel", "bias")
_LINEAR = {
    True: {"out_proj": ("kernel",), "linear1": _BOTH, "linear2": _BOTH},
    False: {},
    "xavier": {"linear1": ("bias",), "linear2": ("bias",)},
    "linear": dict.fromkeys("in_proj out_proj linear1 linear2".split(), _BOTH),
}


def _products(query, key):
    """Scores `(batch, heads, queries, keys)` of `(batch, heads, n, size)`.

    In float32 for the exponentials and their sum, under any policy.
    """
    scaled = query * query.shape[-1] ** -0.5
    return ops.cast(ops.matmul(scaled, ops.swapaxes(key, -1, -2)), "float32")


def _mixed(weights, value):
    """Weighted values, heads side by side: `(batch, queries, width)`."""
    mixed = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
    _, queries, heads, size = ops.shape(mixed)
    return ops.reshape(mixed, (-1, queries, heads * size))


class TransformerEncoder(BaseLayer):
    """Self-attention and feed-forward, each with a residual and a norm.

    The computation and the sub-layers' names are those of PyTorch's
    `TransformerEncoderLayer`, its packed projection of query, key and value
    included, so that released weights need only be transposed. Unlike there,
    heads may be of any size: `num_heads * key_dim` need not be the width.

    Source: Vaswani et al., "Attention is all you need", section 3; "pre" is
    the order of Xiong et al., "On layer normalization in the transformer
    architecture".

    Args:
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
            made of; False, as Keras' layers do. But for "linear", the packed
            projection is Glorot uniform over (width, 3 * num_heads *
            key_dim), its biases zero.
        across_batch: Attend from example to example instead of from token to
            token, as PyTorch's encoder does with `(batch, tokens, width)` when
            its `batch_first` is forgotten; for networks that were published so.
            An example's output then depends on its batch.

    Takes and returns `(batch, tokens, width)`. With `return_attention_scores`
    the call also returns the attention weights before dropout, `(batch,
    num_heads, tokens, tokens)`, or, across the batch, `(tokens, num_heads,
    batch, batch)`: each row, a query, sums to one. Raises ConfigurationError
    where `norm` or `torch_init` is unknown.
    """

    num_heads: int
    key_dim: int
    ff_units: int
    dropout: float = 0.0
    norm: str = "post"
    activation: str = "relu"
    epsilon: float = 1e-5
    torch_init: bool | str = True
    across_batch: bool = False

    def set_up(self):
        check_choice(self.name, "norm", self.norm, NORMS)
        check_choice(self.name, "torch_init", self.torch_init, _LINEAR)

    def build(self, input_shape):
        width = input_shape[-1]
        inner = self.num_heads * self.key_dim
        for name, fan_in, units in (
            ("in_proj", width, 3 * inner),
            ("out_proj", inner, width),
            ("linear1", width, self.ff_units),
            ("linear2", self.ff_units, width),
        ):
            start = torch_start(fan_in, _LINEAR[self.torch_init].get(name, ()))
            setattr(self, name, self.dense(name, fan_in, units, **start))
        options = {"epsilon": self.epsilon, "dtype": self.dtype_policy}
        for name in ("norm1", "norm2"):
            norm = keras.layers.LayerNormalization(name=name, **options)
            norm.build(input_shape)
            setattr(self, name, norm)
        for name in ("dropout_attention", "dropout", "dropout1", "dropout2"):
            setattr(self, f"_{name}", self.drop(name))

    def call(self, inputs, training=None, return_attention_scores=False):
        x = ops.swapaxes(inputs, 0, 1) if self.across_batch else inputs
        pre = self.norm == "pre"
        attended, scores = self._attend(self.norm1(x) if pre else x, training)
        x = x + attended if pre else self.norm1(x + attended)
        fed = self._feed_forward(self.norm2(x) if pre else x, training)
        x = x + fed if pre else self.norm2(x + fed)
        x = ops.swapaxes(x, 0, 1) if self.across_batch else x
        return (x, scores) if return_attention_scores else x

    def _attend(self, x, training):
        shape = (-1, ops.shape(x)[1], 3, self.num_heads, self.key_dim)
        packed = ops.reshape(self.in_proj(x), shape)
        # (3, batch, heads, tokens, size)
        parts = ops.transpose(packed, (2, 0, 3, 1, 4))
        query, key, value = ops.unstack(parts, 3)
        scores = ops.softmax(_products(query, key), axis=-1)
        scores = ops.cast(scores, self.compute_dtype)
        dropped = self._dropout_attention(scores, training=training)
        mixed = self.out_proj(_mixed(dropped, value))
        return self._dropout1(mixed, training=training), scores

    def _feed_forward(self, x, training):
        x = self.activation(self.linear1(x))
        x = self.linear2(self._dropout(x, training=training))
        return self._dropout2(x, training=training)

    def compute_output_spec(
        self, inputs, training=None, return_attention_scores=False
    ):
        batch, tokens, _ = inputs.shape
        if self.across_batch:
            batch, tokens = tokens, batch
        shape = (batch, self.num_heads, tokens, tokens)
        x = keras.KerasTensor(inputs.shape, self.compute_dtype)
        scores = keras.KerasTensor(shape, self.compute_dtype)
        return (x, scores) if return_attention_scores else x


class ClassTokenAndPositions(BaseLayer):
    """Puts a learned class token in front, and adds learned positions.

    Both start at zero, as in the released AACSFNet code. Source: Dosovitskiy
    et al., "An image is worth 16x16 words", section 3.1.

    Takes `(batch, patches, width)`, returns `(batch, 1 + patches, width)`.
    """

    def build(self, input_shape):
        _, patches, width = input_shape
        for name, tokens in (("class_token", 1), ("positions", 1 + patches)):
            weight = self.add_weight((1, tokens, width), "zeros", name=name)
            setattr(self, name, weight)

    def call(self, inputs):
        width = inputs.shape[-1]
        token = ops.cast(self.class_token, inputs.dtype)
        token = ops.broadcast_to(token, (ops.shape(inputs)[0], 1, width))
        x = ops.concatenate([token, inputs], axis=1)
        return x + ops.cast(self.positions, x.dtype)

    def compute_output_shape(self, input_shape):
        batch, patches, width = input_shape
        return (batch, 1 + patches, width)


class CrossAttention(BaseLayer):
    """The class token of each scale asks the other scales.

    Source: Chen et al., "CrossViT", section 3.3, and the released AACSFNet
    code, where one set of projections serves all scales and there is no
    residual: what comes out is only what the other scales answered. The rate
    of dropout is that on attention weights and on the answers.

    The `keys`, tokens of the other scales that answer, are `"tokens"`, all of
    them, or `"class_tokens"`. With two scales the latter leaves a single key,
    which a softmax always gives the weight one: the output is a linear map of
    the other scale's class token, and query and key are never trained.

    Takes a list of at least two scales, each `(batch, tokens, width)` with its
    class token in front, returns a list: `(batch, scales, width)`, one answer a
    scale, and then for each scale its attention `(batch, num_heads, keys)` over
    the tokens of the other scales, those in order, before dropout. Raises
    ConfigurationError where `keys` is unknown, there are less than two scales,
    or the heads do not divide the width.
    """

    num_heads: int
    keys: str = "tokens"
    dropout: float = 0.0

    def set_up(self):
        check_choice(self.name, "keys", self.keys, CROSS_KEYS)

    def build(self, input_shape):
        scales, width = len(input_shape), input_shape[0][-1]
        text = f"needs two scales or more, not {scales}"
        require(scales > 1, self.name, text)
        text = f"{self.num_heads} heads do not divide a width of {width}"
        require(width % self.num_heads == 0, self.name, text)
        for name in _PARTS:
            dense = self.dense(name, width, width, **torch_start(width))
            setattr(self, name, dense)
        for name in ("dropout_attention", "dropout_answers"):
            setattr(self, f"_{name}", self.drop(name))

    def call(self, inputs, training=None):
        # Of all tokens at once: a scale's are asked by every other scale.
        asked = inputs
        if self.keys == "class_tokens":  # else no slice, nor its gradient
            asked = [x[:, :1] for x in inputs]
        keys = [self._heads(self.key(x)) for x in asked]
        values = [self._heads(self.value(x)) for x in asked]
        answers, maps = [], []
        for i, x in enumerate(inputs):
            query = self._heads(self.query(x[:, :1]))
            key, value = (
                ops.concatenate(all_[:i] + all_[i + 1 :], axis=2)
                for all_ in (keys, values)
            )
            # A softmax; Keras' own warns where there is a single key.
            scores = _products(query, key)
            scores = scores - ops.logsumexp(scores, axis=-1, keepdims=True)
            scores = ops.cast(ops.exp(scores), self.compute_dtype)
            dropped = self._dropout_attention(scores, training=training)
            answer = self.proj(_mixed(dropped, value))
            answers.append(self._dropout_answers(answer, training=training))
            maps.append(ops.squeeze(scores, axis=2))
        return [ops.concatenate(answers, axis=1), *maps]

    def _heads(self, x):
        _, tokens, width = x.shape
        shape = (-1, tokens, self.num_heads, width // self.num_heads)
        return ops.transpose(ops.reshape(x, shape), (0, 2, 1, 3))

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
