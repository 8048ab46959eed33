"""L3D: a light 3D convolutional network, with fusion of scales and attention.

"Pain detection based on improved 3D convolutional neural network", Computer
Systems & Applications 2024, 33(2):291-298 (in Chinese), called the L3D paper
here. Its text fixes eight 3x3x3 convolutions with batch normalisation, six
max-poolings and the layers 512 and 1; the number of channels and the length
of a clip are unsaid and fitted to its table 4, see `WIDTHS`.
"""

from collections.abc import Sequence

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import ImprovedSE, TrilinearUpsampling
from keras_pain.models.clip_blocks import (
    clip_input,
    convolution,
    feature_maps,
    hidden,
    intensity,
    max_pool,
)
from keras_pain.models.recipe import Recipe

WIDTHS: dict[str, tuple[int, ...]] = {
    "fitted": (6, 16, 32, 32, 64, 64, 96, 96),
    "plain": (8, 16, 32, 32, 32, 64, 64, 128),
}
"""Filters of the eight convolutions, by name. Both read clips of 32 frames:
five halvings of time need that many.

"fitted" (X) meets the printed 1.07 M and 3.04 M parameters, and 10.62 G of L3D
if biases, normalisations and ReLUs are counted beside multiply-adds. Its first
width, 6, is there because it fits; 102 tuples print the same two numbers, so
that the authors' widths are not known. "plain" (Y) is the only tuple of powers
of two within 3 % of both numbers of L3D: 1.05 M, 10.58 G; its full model has
3.28 M."""

L3D_RECIPE = Recipe(
    learning_rate=1e-3,
    batch_size=100,
    epochs=100,
    loss="huber",
    optimizer="adam",
    monitor="val_loss",
    loss_options={"delta": 0.7},
    patience=10,
    sources={
        "learning_rate": "L3D paper, section 3.2, 0.001; its momentum of 0.9 "
        "is Adam's first, Keras' default",
        "batch_size": "L3D paper, section 3.2, 100",
        "epochs": "unsaid: training stops when results no longer improve; 100 "
        "as the most, far beyond where it stops",
        "loss": "L3D paper, section 3.2, Huber",
        "loss_options": "L3D paper, section 3.2, delta 0.7",
        "optimizer": "L3D paper, section 3.2, Adam",
        "monitor": "unsaid: the loss on clips held out of the training part",
        "patience": "unsaid: 10 epochs, long beside the noise from one epoch "
        "to the next",
    },
)

_CONVOLUTIONS = 8
_SCALES = (4, 6, 8)  # figure 4: features B, M and S are of these convolutions
_POOLED = (1, 2, 4, 6)  # convolutions before a pooling, beside the eighth


def L3D(
    input_shape: tuple[int, int, int, int] = (32, 224, 224, 3),
    *,
    widths: str | Sequence[int] = "fitted",
    multi_scale: bool = False,
    attention: bool = False,
    units: int = 512,
    ratio: int = 16,
    shared: bool = True,
    head_pool: tuple[int, int, int] = (1, 2, 2),
    scaled_head: bool = True,
    batch_norm: bool = True,
    name: str = "l3d",
) -> keras.Model:
    """The L3D paper's network and its ablations.

    Trained parameters at the defaults: L3D 1,069,769 (paper 1.07 M), with
    both additions 3,041,633 (3.04 M). Besides, 812 statistics of the batch
    normalisations.

    With `multi_scale` the features of convolutions 4, 6 and 8 are brought to
    the size of the first by trilinear interpolation (factors 1, 2 and 4) and
    joined; the last two poolings and the layer of 512 fall away, and one layer
    from the joined features to the intensity remains (figures 1 and 4). With
    `attention` every scale and the joined features pass an improved SE block.

    Unsaid, and chosen here:

    * `attention` alone (third row of the paper's table 1): the SE blocks
      stand behind convolutions 4, 6 and 8, in the trunk.
    * `head_pool`, invented: the paper goes from 192 joined channels, 16 x 56 x
      56 places, to one number. That alone would be 9.6 M weights, where the
      whole model has 3.04 M. A max-pooling of 1x2x2 before it leaves 2.4 M and
      meets the printed sum; nothing in the text suggests it.
    * Where the poolings stand: behind convolutions 1, 2, 4, 6, 8 and 8, as in
      C3D, the last two being those that the paper adds.
    * Every pooling leaves at least one place, so that smaller clips than the
      paper's run: down to one frame of one pixel in principle.

    Args:
        input_shape: `(time, height, width, 3)`.
        widths: Filters of the eight convolutions: a key of `WIDTHS`, or eight
            numbers.
        multi_scale: Whether to join the features of three scales.
        attention: Whether to have improved SE blocks.
        units: Of the layer before the last, without `multi_scale`.
        ratio: See `ImprovedSE`.
        shared: See `ImprovedSE`.
        head_pool: Window of the max-pooling before the last layer, with
            `multi_scale`; (1, 1, 1) leaves it out.
        scaled_head: With `multi_scale`, whether the 2.4 million features are
            scaled before the last layer, see `clip_blocks.intensity`. Unsaid;
            without it one step of Adam at 0.001 moves the output by hundreds,
            where intensities end at 10, and training has to find back.
        batch_norm: Whether convolutions are followed by batch normalisation,
            as in the paper. Its statistics are of the batch in memory: k
            micro-batches whose gradients are accumulated are no substitute for
            the paper's batch of 100 then; without it they are, exactly.
        name: Name of the model.

    Returns:
        A model from `(batch, time, height, width, 3)`, RGB from 0 to 255, to
        `(batch, 1)`. Layers to look at: `relu_4`, `relu_6`, `relu_8` (scales
        B, M, S), `attention_*`, and `feature_maps`, the last maps before
        pooling and head: S, or the joined ones.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    filters = _filters(name, widths)
    if len(head_pool) != 3 or min(head_pool) < 1 or min(units, ratio) < 1:
        raise ConfigurationError(
            f"{name}: head_pool must be three positive numbers, units and "
            f"ratio positive, not {head_pool}, {units} and {ratio}"
        )

    def attend(x, tag):
        if not attention:
            return x
        return ImprovedSE(ratio, shared, name=f"attention_{tag}")(x)

    # --- L3D without its head ---
    inputs, x = clip_input(name, input_shape)
    scales = []
    for i, width in enumerate(filters, start=1):
        x = convolution(x, width, i, batch_norm)
        if i in _SCALES:
            scales.append(x)
            if not multi_scale:
                x = attend(x, i)
        if i in _POOLED:
            x = max_pool(x, (1 if i == 1 else 2, 2, 2), f"pool_{i}")

    # --- Head ---
    if multi_scale:
        x = feature_maps(attend(_join(scales, attend), "joined"))
        if tuple(head_pool) != (1, 1, 1):
            x = max_pool(x, tuple(head_pool), "head_pool")
        x = keras.layers.Flatten(name="flatten")(x)
    else:
        x = feature_maps(x)
        x = max_pool(x, (2, 2, 2), "pool_8a")
        x = max_pool(x, (2, 2, 2), "pool_8b")
        x = keras.layers.Flatten(name="flatten")(x)
        x = hidden(x, units, "fc_1")
    x = intensity(x, scaled=multi_scale and scaled_head)
    return keras.Model(inputs, x, name=name)


def _filters(name, widths) -> tuple[int, ...]:
    if isinstance(widths, str) and widths in WIDTHS:
        return WIDTHS[widths]
    whole = not isinstance(widths, str) and all(
        isinstance(width, int) and width > 0 for width in widths
    )
    if not whole or len(widths) != _CONVOLUTIONS:
        raise ConfigurationError(
            f"{name}: widths must be {' or '.join(map(repr, WIDTHS))}, or "
            f"{_CONVOLUTIONS} positive numbers, not {widths!r}"
        )
    return tuple(widths)


def _join(scales, attend):
    """Scales B, M and S at the size of B, `(batch, ..., sum of channels)`."""
    size = scales[0].shape[1:4]
    same = []
    for i, x in zip(_SCALES, scales, strict=True):
        x = attend(x, i)
        if i != _SCALES[0]:
            x = TrilinearUpsampling(output_size=size, name=f"upsample_{i}")(x)
        same.append(x)
    return keras.layers.Concatenate(name="joined")(same)
