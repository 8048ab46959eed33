"""Stacked-LSTM: three LSTM layers over movement and muscle activity."""

from keras import Model

from keras_pain.models import blocks
from keras_pain.models.registry import ISWC_2019, PROTECTIVE, Recipe, register

STACKED_LSTM_RECIPE = Recipe.of(
    learning_rate=(1e-3, "ISWC 2019, fixed at 0.001"),
    batch_size=(20, 'arXiv 1902.08990v4, "initial" batch size of 20'),
    epochs=(80, "unsaid: as the released BANet code, of the same group"),
    loss=(
        "categorical_crossentropy",
        "unsaid: cross-entropy is what its softmax output calls for",
    ),
    optimizer=("adam", "ISWC 2019, Adam"),
    monitor=(
        "val_accuracy",
        "unsaid, no code was released: assumed as in the released BANet code",
    ),
)


@register(
    "stacked_lstm",
    paper=ISWC_2019,
    task=PROTECTIVE,
    recipe=STACKED_LSTM_RECIPE,
    note="as BANet's comparator, input_shape=(180, 26) and units=28, "
    "18986 parameters, which the BANet paper prints",
)
def StackedLSTM(
    input_shape: blocks.Sizes = (180, 30),
    num_classes: int = 2,
    *,
    units: int = 32,
    num_layers: int = 3,
    dropout: float = 0.5,
    recurrent_activation: str = "sigmoid",
    mask_value: float | None = 0.0,
    name: str = "stacked_lstm",
) -> Model:
    """Stacked-LSTM for protective behaviour detection.

    Wang et al., "Recurrent network based automatic detection of chronic pain
    protective behavior using MoCap and sEMG data", ISWC 2019: LSTM and dropout
    three times, then a softmax layer. 24,770 parameters at the defaults. The
    copy that BANet is compared with has 26 channels, 28 units and 18,986
    parameters (`input_shape=(180, 26), units=28`).

    Args:
        input_shape: `(time, channels)`.
        num_layers: Number of LSTM layers; the paper tried 1 to 5.
        recurrent_activation: Activation of the gates. Unsaid: Keras changed
            its default between the paper's time and ours; any other than
            "sigmoid" loses the cuDNN kernel.
        mask_value: Value of padded frames, which are masked; None feeds them
            to the network. Unsaid: the paper pads with zeros and names no
            masking layer; masking keeps padding from shifting the state.

    Returns a model from `(batch, time, channels)` to `(batch, num_classes)`.
    """
    inputs, x = blocks.masked_input(name, input_shape, num_classes, mask_value)
    widths = [units] * num_layers
    x = blocks.lstm_layers(x, widths, dropout, recurrent_activation)
    return blocks.classifier(inputs, x, num_classes, name)
