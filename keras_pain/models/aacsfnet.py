"""AACSFNet: pain intensity from one picture of a face, by two sub-networks.

Gao et al., "Enhancing pain intensity evaluation via an attention-driven
channel-spatial fusion network", submitted to The Visual Computer. Sizes and
defects are those of the released code; the paper's text was not at hand.
"""

import os
from collections.abc import Mapping

import keras

from keras_pain.layers import TransformerEncoder
from keras_pain.models.aacsfnet_parts import frames_input, intensity, switch
from keras_pain.models.aacsfnet_parts import linear as _linear
from keras_pain.models.biscale_cross_vit import (
    THREE_SCALES,
    TWO_SCALES,
    spatial_branch,
)
from keras_pain.models.recipe import Recipe
from keras_pain.models.resnet50 import BLOCKS
from keras_pain.models.resnet50_ham import FEATURE_UNITS, channel_branch

_FUSION_LAYERS = 2  # released code
_CODE = "released AACSFNet code"

DEFECTS: Mapping[str, str] = {
    "channels_across_batch": "the global attention over channels runs across "
    "the batch: a face's score depends on the faces beside it",
    "mean_of_normed": "the mean over the axis of the last layer "
    "normalisations: exactly zero at the start, the residual branch is mute",
    "class_token_keys": "the cross attention asks class tokens only; with two "
    "scales it has one key, and is none",
    "branches_across_batch": "the fusion's attention runs across the batch, "
    "not between the two branches",
    "three_scales": "patches of 32, 16 and 8 pixels, where figure and name "
    "have two scales",
}
"""What `mode="as_coded"` switches on: argument of `AACSFNet`, what it does
("three_scales" is an argument of its own here: `patch_sizes`)."""

AACSFNET_RECIPE = Recipe(
    learning_rate=1e-4,
    batch_size=32,
    epochs=80,
    loss="mean_squared_error",
    optimizer="adamw",
    monitor="val_loss",
    schedule=("cosine",),
    patience=10,
    sources={
        "learning_rate": "ours: the released 0.04 is far too high for Adam "
        "on a pretrained network",
        "batch_size": f"{_CODE}, 32",
        "epochs": f"{_CODE}, 80, as the most",
        "loss": f"{_CODE}, mean squared error",
        "optimizer": "ours: AdamW, Keras' weight decay of 0.004",
        "monitor": "ours: the loss on training persons set aside for it",
        "schedule": "ours: down to zero over all epochs",
        "patience": "ours: the released code imports early stopping and never "
        "uses it",
    },
)

AACSFNET_RELEASED_RECIPE = Recipe(
    learning_rate=0.04,
    batch_size=32,
    epochs=80,
    loss="mean_squared_error",
    optimizer="adam",
    monitor="val_loss",
    schedule=("multistep", (10, 20, 30), 0.1),
    optimizer_options={"weight_decay": 5e-4},
    sources={
        "learning_rate": f"{_CODE}, 0.04",
        "batch_size": f"{_CODE}, 32",
        "epochs": f"{_CODE}, 80",
        "loss": f"{_CODE}, mean squared error",
        "optimizer": f"{_CODE}, Adam",
        "optimizer_options": f"{_CODE}, weight decay 5e-4; PyTorch's Adam adds "
        "it to the gradient, Keras' takes it off the weights",
        "monitor": "unsaid: the released code scores the test person after "
        "every epoch; here by the loss",
        "schedule": f"{_CODE}, a tenth at epochs 10, 20 and 30",
    },
)


def AACSFNet(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    *,
    patch_sizes: tuple[int, ...] | None = None,
    mode: str = "corrected",
    resnet_weights: str | os.PathLike | None = None,
    channels_across_batch: bool | None = None,
    mean_of_normed: bool | None = None,
    class_token_keys: bool | None = None,
    branches_across_batch: bool | None = None,
    width: int = 64,
    blocks: tuple[int, int, int, int] = BLOCKS,
    maps: int = 512,
    global_layers: int = 3,
    ff_units: int = 2048,
    embed_dim: int = 192,
    vit_layers: int = 3,
    vit_heads: int = 6,
    dropout: float = 0.1,
    name: str = "aacsfnet",
) -> keras.Model:
    """The residual network with hybrid attention, the transformer, a fusion.

    As coded 31,162,845 trained parameters with three scales and 29,637,213
    with two, the decoders that the released code builds and never calls left
    out; as corrected 29,637,115: no final normalisation of the channels.
    Besides, 54,976 statistics of batch normalisations.

    The released code takes batches of 32 only; this takes any.

    Args:
        input_shape: `(height, width, 3)`, at least 32 x 32, multiples of
            every patch size.
        patch_sizes: Sides of the patches in pixels; None is `(32, 16)`, as
            coded `(32, 16, 8)`.
        mode: `"corrected"`, or `"as_coded"`, which turns every switch on that
            is left at None. The switches are named in `DEFECTS`.
        resnet_weights: None, `"imagenet"` or a path, see `weights` of
            `keras_pain.models.resnet50.ResNet50`.
        channels_across_batch: See `ResNet50HAM`.
        mean_of_normed: See `ResNet50HAM`.
        class_token_keys: See `BiScaleCrossViT`.
        branches_across_batch: The fusion's attention sees the batch as its
            tokens. Mended, its tokens are the two branches.
        width: Of the residual network, see `ResNet50`.
        blocks: Of the residual network, see `ResNet50`.
        maps: Channels that the global attention compares.
        global_layers: Encoder layers of the global attention.
        ff_units: Hidden units of its and the fusion's feed-forward parts.
        embed_dim: Width of the transformer's tokens.
        vit_layers: Encoder layers of each of its scales.
        vit_heads: Heads of its attention, a divisor of `embed_dim`.
        dropout: Dropout rate everywhere but in the head, which has 0.5.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, 3)`, RGB from 0 to 255, to
        `(batch, 1)`. For its attention see
        `keras_pain.interpret.aacsfnet.attention_maps`.

    Raises:
        ConfigurationError: An argument is impossible.
        BadFileError: The weights do not fit.
    """
    if patch_sizes is None:
        patch_sizes = THREE_SCALES if switch(name, mode, None) else TWO_SCALES
    inputs, x = frames_input(name, input_shape)
    spatial = spatial_branch(
        x,
        name,
        patch_sizes=patch_sizes,
        class_token_keys=switch(name, mode, class_token_keys),
        embed_dim=embed_dim,
        layers=vit_layers,
        heads=vit_heads,
        dropout=dropout,
    )
    spatial = _linear(spatial, FEATURE_UNITS, "spatial_features")
    channels = channel_branch(
        x,
        name,
        resnet_weights=resnet_weights,
        across_batch=switch(name, mode, channels_across_batch),
        mean_of_normed=switch(name, mode, mean_of_normed),
        width=width,
        blocks=blocks,
        maps=maps,
        global_layers=global_layers,
        ff_units=ff_units,
        dropout=dropout,
    )
    x = _fuse(
        channels,
        spatial,
        ff_units,
        dropout,
        switch(name, mode, branches_across_batch),
    )
    return keras.Model(inputs, intensity(x, 2 * FEATURE_UNITS), name=name)


def _fuse(channels, spatial, ff_units, dropout, across_batch):
    """Each branch beside what the attention made of it, `(batch, 64)`."""
    branches = keras.layers.Concatenate(axis=1, name="branches")(
        [
            keras.layers.Reshape((1, FEATURE_UNITS), name=f"{name}_token")(x)
            for name, x in (("channel", channels), ("spatial", spatial))
        ]
    )
    x = branches
    for i in range(1, _FUSION_LAYERS + 1):
        x = TransformerEncoder(
            num_heads=1,
            key_dim=FEATURE_UNITS,
            ff_units=ff_units,
            dropout=dropout,
            torch_init="xavier",
            across_batch=across_batch,
            name=f"fusion_{i}",
        )(x)
    x = keras.layers.LayerNormalization(epsilon=1e-5, name="fusion_norm")(x)
    x = keras.layers.Concatenate(axis=-1, name="fused")([branches, x])
    return keras.layers.Flatten(name="flatten")(x)
