"""What the released code of ConvNeXt-LSTM and STGCN-LSTM does, by name.

Each entry is a switch of these methods: arguments by method. They become
defects in `keras_pain.experiments.defects`.
"""

_CONVNEXT = tuple(f"convnext_lstm_{variant}" for variant in "abcd")
_STGCN = ("stgcn_lstm", "stgcn_lstm_as_coded")
_CODE = "released Pain-assessment code (PEMF)"


def _of(names: tuple[str, ...], **arguments) -> dict[str, dict]:
    return {name: arguments for name in (*names, "late_fusion")}


# Name, what happens, where it was seen, arguments by method.
PEMF_SWITCHES = (
    (
        "last_epoch",
        "the last epoch is tested, none is chosen; features are fed unscaled "
        "and landmarks in pixels of the picture",
        _CODE + "; no leak",
        {
            **_of(
                _CONVNEXT, last_epoch=True, standardise=False, relative=False
            ),
            **_of(_STGCN, last_epoch=True, normalise=False),
            "late_fusion": {
                "last_epoch": True,
                "standardise": False,
                "relative": False,
                "normalise": False,
            },
        },
    ),
    (
        "scaler_on_all_clips",
        "the scaler of the landmarks is fitted on all clips, the tested ones "
        "included",
        _CODE + ", STGCN-LSTM",
        _of(_STGCN, scaler="all_clips"),
    ),
    (
        "smote_before_validation",
        "classes are balanced by interpolated clips (SMOTE) before the last "
        "tenth is set aside for validation, which therefore holds made-up "
        "clips only",
        _CODE + ", STGCN-LSTM",
        _of(_STGCN, oversample=True),
    ),
    (
        "normalised_twice",
        "pictures are standardised before the backbone standardises them "
        "again, which shrinks their contrast about 58 times",
        _CODE + ", ConvNeXt-LSTM",
        _of(_CONVNEXT, normalise_twice=True),
    ),
    (
        "jitter_after_standardisation",
        "the varied copies of the training clips are varied after their "
        "standardisation, so that saturation and hue are of no real colours",
        _CODE + ", ConvNeXt-LSTM",
        _of(_CONVNEXT, copies="after"),
    ),
)
