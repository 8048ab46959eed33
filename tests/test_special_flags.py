"""Flags that only some tables have a use for."""

import pytest
from scripts import experiments_of, run_script

from keras_pain.errors import ConfigurationError
from keras_pain.reproduction.flags import Options, check_used

PEMF = experiments_of("table9_pemf")[0]


def said(experiment, **flags):
    return "\n".join(experiment.describe(Options(**flags)))


@pytest.mark.parametrize(
    "table, flag, value",
    [
        ("table1_protective", "size", 64),
        ("table1_protective", "augment", "geometric"),
        ("table5_unbc", "shuffle_labels", True),
        ("table5_unbc", "augment", "geometric"),
        ("table5_unbc", "exclude_low_expressive", True),
        ("table9_pemf", "micro_batch", 2),
        ("table9_pemf", "balance", "weights"),
        ("table10_aacsfnet", "backbone", "ConvNeXtTiny"),
    ],
)
def test_flags_that_would_change_nothing_are_refused(table, flag, value):
    options = Options(**{flag: value})
    check_used(options, {flag})
    with pytest.raises(ConfigurationError, match=f"--{flag} changes nothing"):
        check_used(options, experiments_of(table)[0].flags)


@pytest.mark.parametrize(
    "table, flags",
    [
        ("table1_protective", {"challenge_columns": "exercise=30"}),
        ("table5_unbc", {"micro_batch": 2}),
        ("table9_pemf", {"shuffle_labels": True}),
        ("table10_aacsfnet", {"augment": "geometric"}),
        ("table10_aacsfnet", {"backbone_weights": "none"}),
    ],
)
def test_flags_that_a_table_has_are_taken(table, flags):
    check_used(Options(**flags), experiments_of(table)[0].flags)


def test_released_networks_start_from_imagenet_on_the_real_corpus():
    experiment = experiments_of("table10_aacsfnet")[0]

    def weights(**flags):
        chosen = experiment.clip_options(Options(**flags))
        return chosen.arguments["resnet_weights"]

    assert weights() is None
    assert weights(manual_dir="RAW") == "imagenet"
    assert weights(manual_dir="RAW", backbone_weights="none") is None
    assert weights(manual_dir="RAW", backbone_weights="f.pth") == "f.pth"
    assert "ResNet-50: starts from RANDOM weights" in said(experiment)


def test_a_smoke_run_says_what_it_ran():
    text = said(PEMF, smoke=True)
    assert "8 frames" in text and "32 x 32 pixels" in text
    assert "48 x 48 pixels" in said(PEMF, smoke=True, size=48)


def test_people_who_hardly_show_pain_can_be_left_out():
    experiment = experiments_of("table6_biovid")[0]
    left_out = Options(exclude_low_expressive=True)
    check_used(left_out, experiment.flags)
    assert "without" not in experiment.settings_for(Options())
    without = experiment.settings_for(left_out)["without"]
    assert len(set(without)) == 20 and "082315_w_60" in without
    assert "071309_w_21" not in without


@pytest.mark.parametrize(
    "table, method",
    [
        ("table5_unbc", "convnext_lstm_c"),
        ("table5_unbc", "aacsfnet"),
        ("table9_pemf", "l3d_full"),
        ("table10_aacsfnet", "l3d_full"),
    ],
)
def test_methods_of_another_kind_of_face_are_refused(table, method):
    with pytest.raises(ConfigurationError, match="cannot be used on"):
        experiments_of(table)[0].check_method(method)


def test_files_of_flags_are_looked_for_first(tmp_path):
    (tmp_path / "w.h5").touch()
    weights, source = str(tmp_path / "w.h5"), f"csv:{tmp_path}"
    PEMF.check_files(Options(backbone_weights=weights, landmarks=source))
    for flag, place in (
        ("backbone_weights", f"{tmp_path}/no.h5"),
        ("landmarks", f"tflite:{tmp_path}/no.tflite"),
    ):
        with pytest.raises(ConfigurationError, match="there is no"):
            PEMF.check_files(Options(**{flag: place}))


def test_a_trained_backbone_is_not_called_frozen():
    assert "frozen, with RANDOM" in said(PEMF)
    tuned = "convnext_lstm_finetuned"
    assert f"trained in {tuned}" in said(PEMF, methods=[tuned])


@pytest.mark.parametrize(
    "flag", ["--folds=-1", "--jobs=0", "--epochs=0", "--seeds=", "--nonsense"]
)
def test_garbage_is_one_line(flag, tmp_path):
    done = run_script("table1_protective", flag, cwd=tmp_path, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ") and flag.strip("-").split("=")[0] in line
