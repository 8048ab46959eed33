"""Flags that only some tables have a use for."""

import importlib
import sys
from pathlib import Path

import pytest

from keras_pain.errors import ConfigurationError
from keras_pain.reproduction.experiment import Experiment
from keras_pain.reproduction.options import Options, check_used

SCRIPTS = Path(__file__).parents[1] / "reproduce"
TABLES = ("table1_protective", "table5_unbc", "table9_pemf", "table10_aacsfnet")


@pytest.fixture
def experiment(request, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    module = importlib.import_module(request.param)
    yield next(v for v in vars(module).values() if isinstance(v, Experiment))
    sys.modules.pop(request.param)


@pytest.mark.parametrize(
    ("experiment", "flag", "value"),
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
    indirect=["experiment"],
)
def test_flags_that_would_change_nothing_are_refused(experiment, flag, value):
    options = Options(**{flag: value})
    check_used(options, {flag})
    with pytest.raises(ConfigurationError, match=f"--{flag} changes nothing"):
        check_used(options, experiment.flags)


@pytest.mark.parametrize(
    ("experiment", "flag", "value"),
    [
        ("table1_protective", "challenge_columns", "exercise=30"),
        ("table5_unbc", "micro_batch", 2),
        ("table9_pemf", "shuffle_labels", True),
        ("table10_aacsfnet", "augment", "geometric"),
        ("table10_aacsfnet", "backbone_weights", "none"),
    ],
    indirect=["experiment"],
)
def test_flags_that_a_table_has_are_taken(experiment, flag, value):
    check_used(Options(**{flag: value}), experiment.flags)


@pytest.mark.parametrize("experiment", ["table10_aacsfnet"], indirect=True)
def test_released_networks_start_from_imagenet_on_the_real_corpus(experiment):
    def weights(**flags):
        chosen = experiment.clip_options(Options(**flags))
        return chosen.arguments["resnet_weights"]

    assert weights() is None
    assert weights(manual_dir="RAW") == "imagenet"
    assert weights(manual_dir="RAW", backbone_weights="none") is None
    assert weights(manual_dir="RAW", backbone_weights="f.pth") == "f.pth"
    said = "\n".join(experiment.describe(Options()))
    assert "ResNet-50: starts from RANDOM weights" in said


@pytest.mark.parametrize("experiment", ["table9_pemf"], indirect=True)
def test_a_smoke_run_says_what_it_ran(experiment):
    said = "\n".join(experiment.describe(Options(smoke=True)))
    assert "8 frames" in said and "32 x 32 pixels" in said
    said = "\n".join(experiment.describe(Options(smoke=True, size=48)))
    assert "48 x 48 pixels" in said


@pytest.mark.parametrize(
    ("experiment", "method"),
    [
        ("table5_unbc", "convnext_lstm_c"),
        ("table5_unbc", "aacsfnet"),
        ("table9_pemf", "l3d_full"),
        ("table10_aacsfnet", "l3d_full"),
    ],
    indirect=["experiment"],
)
def test_methods_of_another_kind_of_face_are_refused(experiment, method):
    with pytest.raises(ConfigurationError, match="cannot be used on"):
        experiment.material.check_method(method)


@pytest.mark.parametrize("experiment", TABLES, indirect=True)
def test_the_methods_of_a_table_fit_it(experiment):
    for row in experiment.table.methods:
        experiment.material.check_method(row.method)


@pytest.mark.parametrize("experiment", ["table9_pemf"], indirect=True)
def test_files_of_flags_are_looked_for_first(experiment, tmp_path):
    there = tmp_path / "w.h5"
    there.touch()
    experiment.check_files(
        Options(backbone_weights=str(there), landmarks=f"csv:{tmp_path}")
    )
    for flags in (
        {"backbone_weights": str(tmp_path / "no.h5")},
        {"landmarks": f"tflite:{tmp_path / 'no.tflite'}"},
    ):
        with pytest.raises(ConfigurationError, match="there is no"):
            experiment.check_files(Options(**flags))


@pytest.mark.parametrize("experiment", ["table9_pemf"], indirect=True)
def test_a_trained_backbone_is_not_called_frozen(experiment):
    def said(*methods):
        return "\n".join(experiment.describe(Options(methods=methods)))

    assert "frozen, with RANDOM" in said()
    assert "trained in convnext_lstm_finetuned" in said(
        "convnext_lstm_finetuned"
    )
