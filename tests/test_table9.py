"""The table of PEMF from simulated raw files, small."""

import dataclasses

import pytest
from predicted import assert_predicts_again
from rich.console import Console
from scripts import load_script

from keras_pain.cli import main
from keras_pain.corpora.pemf.layout import KINDS
from keras_pain.errors import ConfigurationError
from keras_pain.experiments import pemf as pemf_methods
from keras_pain.experiments.features import FeatureExtractor
from keras_pain.reports.table import read_published
from keras_pain.reproduction import Options
from keras_pain.reproduction.run import reproduce
from keras_pain.simulate import simulate

METHODS = ["convnext_lstm_a", "stgcn_lstm"]
table9_pemf = load_script("table9_pemf")
SIMULATION = table9_pemf.EXPERIMENT.simulation
EXPERIMENT = dataclasses.replace(
    table9_pemf.EXPERIMENT,
    simulation=dataclasses.replace(
        SIMULATION,
        training={
            **SIMULATION.training,
            "head": {"units": 4},
            "graph": {"filters": 4, "graph_filters": 4, "temporal_filters": 3},
        },
    ),
)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    options = {"subjects": 5, "size": (48, 40), "landmarks": True, "jobs": 1}
    simulate("pemf", folder, layout="pictures", progress=False, **options)
    return folder


def test_a_smoke_run_and_its_features_again(
    raw, tmp_path, small_convnext, monkeypatch, capsys
):
    options = Options(
        manual_dir=str(raw),
        data_dir=str(tmp_path / "tfds"),
        results_dir=str(tmp_path / "first"),
        methods=METHODS,
        protocol="as_published",
        smoke=True,
        backbone="Tiny",
        backbone_weights="none",
    )
    reproduce(EXPERIMENT, options)
    text = (tmp_path / "first" / "table_SIMULATED.md").read_text()
    capsys.readouterr()
    for words in (
        "SMOKE RUN",
        "RANDOM weights",
        "normalised_twice",
        "Majority class",
        "ConvNeXt-LSTM a",
        "STGCN-LSTM, corrected",
    ):
        assert words in text, words
    for method in METHODS:
        assert_predicts_again(tmp_path / "first", method, "as_published")
    argv = ["explain", str(tmp_path / "first"), "--no_checks"]
    assert main([*argv, "--protocol=as_published"]) == 0
    for method in METHODS:
        folder = tmp_path / "first" / "explanations" / method
        assert (folder / "saliency_per_class_SIMULATED.png").is_file()
    capsys.readouterr()
    second = tmp_path / "second"
    again = {"results_dir": str(second), "methods": METHODS[:1]}

    def never(*_):
        raise AssertionError("features computed again")

    pemf_methods._kept.clear()
    monkeypatch.setattr(FeatureExtractor, "clips", never)
    reproduce(EXPERIMENT, dataclasses.replace(options, **again))
    assert (second / "table_SIMULATED.md").exists()


def test_landmarks_that_nobody_has_are_one_line(raw, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_PAIN_LANDMARKS", raising=False)
    bare = tmp_path / "bare"
    (bare / "pemf").mkdir(parents=True)
    for path in (raw / "pemf").iterdir():
        if path.name != "Landmarks":
            (bare / "pemf" / path.name).symlink_to(path)
    options = Options(
        manual_dir=str(bare),
        data_dir=str(tmp_path / "tfds"),
        results_dir=str(tmp_path / "results"),
        smoke=True,
    )
    with pytest.raises(ConfigurationError, match="no landmarks of its own"):
        reproduce(EXPERIMENT, options)
    source = f"csv:{raw / 'pemf' / 'Landmarks'}"
    given = dataclasses.replace(options, landmarks=source)
    prepared = EXPERIMENT.prepare(given, Console(quiet=True))
    assert [further.config for further in prepared.further] == ["landmarks"]


def test_flags_choose_the_backbone():
    def of(**flags):
        return EXPERIMENT.pemf_options(Options(**flags))

    assert of().backbone == "ConvNeXtTiny" and of().backbone_weights is None
    real = of(manual_dir="RAW")
    assert real.backbone == "ConvNeXtXLarge" and not real.relative
    assert real.backbone_weights == "imagenet" and real.batch_size is None
    given = of(backbone="ConvNeXtBase", backbone_weights="file.h5")
    assert given.backbone == "ConvNeXtBase"
    assert given.backbone_weights == "file.h5"
    assert of(backbone="Large").backbone == "ConvNeXtLarge"
    with pytest.raises(ConfigurationError, match="must be one of ConvNeXt"):
        of(backbone="ResNet")
    shuffled = EXPERIMENT.settings_for(Options(shuffle_labels=True))
    assert shuffled["shuffled"]


def test_nothing_is_printed_as_the_paper_s():
    published = read_published(table9_pemf.TABLE.published)
    assert not any(value.text for value in published.values)
    assert any("none was guessed" in text for _, text in published.notes)
    pain = sum(kind.pain for kind in KINDS) / len(KINDS)
    assert (
        f"accuracy {pain:.3f}"
        in published.get("majority", "cv5", "accuracy").note
    )
