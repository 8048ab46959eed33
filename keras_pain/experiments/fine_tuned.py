"""ConvNeXt-LSTM from pictures to classes, the backbone trained as well.

Ridouan et al., arXiv 2501.06787, freeze the backbone; this is what it would be
worth to train it, on a machine that can.
"""

import dataclasses

from keras_pain.data.clip_feed import Jitter
from keras_pain.experiments.clip_methods import ClipMethod, ClipOptions
from keras_pain.experiments.pemf_methods import PemfOptions
from keras_pain.models.convnext_lstm import CONVNEXT_LSTM_RECIPE, ConvNeXtLSTM
from keras_pain.models.entry import CLIPS, ModelEntry

NAME = "convnext_lstm_finetuned"

_ENTRY = ModelEntry(
    name=NAME,
    builder=ConvNeXtLSTM,
    paper="Ridouan et al., arXiv 2501.06787, its backbone trained as well",
    task="pain",
    input_shape=(20, 224, 224, 3),
    recipe=dataclasses.replace(
        CONVNEXT_LSTM_RECIPE,
        learning_rate=1e-4,
        patience=10,
        sources={
            **CONVNEXT_LSTM_RECIPE.sources,
            "learning_rate": "ours: a tenth of the head's, so that pretrained "
            "weights are not thrown away in the first steps",
            "patience": "ours: fine-tuned networks overfit within few epochs",
        },
    ),
    arguments={"trainable_backbone": True},
    data=CLIPS,
)


class FineTuned(ClipMethod):
    """ConvNeXt-LSTM, variant c, trained end to end.

    Args:
        epochs: Replaces the recipe's number of epochs.
        options: See `PemfOptions`; what is said of features has no effect.
        reuse: See `ClipMethod`.
    """

    def __init__(
        self,
        epochs: int | None = None,
        options: PemfOptions | None = None,
        reuse: bool = False,
    ):
        options = options or PemfOptions()
        clips = ClipOptions(
            batch_size=options.batch_size,
            jitter=Jitter(flip=0.5, shift=0.0, sampling="uniform"),
        )
        super().__init__(
            NAME,
            epochs,
            clips,
            reuse=reuse,
            entry=_ENTRY,
            backbone=options.backbone,
            weights=options.backbone_weights,
            **options.head,
        )


METHODS = {NAME: FineTuned}
