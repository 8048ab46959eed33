"""The papers' numbers as data, and the arithmetic behind their notes."""

import numpy as np
import pytest
from conftest import ROOT

from keras_pain.errors import BadFileError
from keras_pain.reports.table import read_published

PUBLISHED = ROOT / "reproduce" / "published"


def published(number: int):
    return read_published(PUBLISHED / f"alanet_table{number}.csv")


def cell(table, method, metric, index=None, evaluation="holdout"):
    found = table.get(method, evaluation, metric, index)
    return None if found is None else found.value


def note_on(number, method, metric, index=None) -> str:
    return published(number).get(method, "holdout", metric, index).note


@pytest.mark.parametrize(
    "number, method, evaluation, expected",
    [
        (1, "stacked_lstm", "holdout", (0.4636, None, None, 0.48)),
        (1, "banet", "holdout", (0.77, 0.86, 0.28, 0.57)),
        (1, "alanet", "holdout", (0.85, 0.91, 0.26, 0.59)),
        (1, "majority", "holdout", (None, None, None, None)),
        (2, "banet", "holdout", (0.54, 0.69, 0.09, 0.39)),
        (2, "alanet_parts", "holdout", (0.78, 0.87, 0.18, 0.53)),
        (3, "knn", "loso", (0.37, None, None, None, 0.34)),
        (3, "knn", "holdout", (0.35, 0.39, 0.09, 0.44, 0.31)),
        (3, "svm", "loso", (0.44, None, None, None, 0.41)),
        (3, "svm", "holdout", (0.07, 0, 0.14, 0, 0.34)),
        (3, "alanet", "loso", (0.526, None, None, None, 0.426)),
        (3, "alanet", "holdout", (0.4561, 0.403, 0, 0, 0.134)),
    ],
)
def test_published_numbers(number, method, evaluation, expected):
    table = published(number)
    metrics = [("f1", index) for index in range(len(expected) - 2)]
    metrics = [("accuracy", None), *metrics, ("macro_f1", None)]
    found = [cell(table, method, *m, evaluation) for m in metrics]
    assert tuple(found) == expected


def test_training_times_as_printed():
    table = published(1)
    printed = {
        "stacked_lstm": "",
        "banet": "> 10 hours",
        "alanet": "< 30 minutes",
    }
    for method, text in printed.items():
        found = table.get(method, "holdout", "training_time")
        assert found.text == text and found.value is None


def test_average_f1_is_the_mean_of_the_f1s_except_where_noted():
    """Two printed decimals leave 0.01 of slack, three leave 0.001."""
    for number in (1, 2, 3):
        table = published(number)
        for value in table.values:
            if value.metric != "macro_f1" or value.value is None:
                continue
            place = (value.method, value.evaluation)
            f1 = [cell(table, place[0], "f1", i, place[1]) for i in range(3)]
            f1 = [x for x in f1 if x is not None]
            if len(f1) < 2:
                continue
            if place == ("svm", "holdout"):
                assert np.mean(f1) == pytest.approx(0.047, abs=5e-4)
                assert "0.047, not 0.34" in value.note
            else:
                assert value.value == pytest.approx(np.mean(f1), abs=0.0075)


def test_the_impossible_row_is_noted():
    table = published(3)
    accuracy = cell(table, "alanet", "accuracy")
    f1 = cell(table, "alanet", "f1", 0)
    recognised = round(accuracy * 416)
    missed = 313 - recognised
    false_positives = 2 * recognised / f1 - 2 * recognised - missed
    assert (recognised, missed) == (190, 123)
    assert int(false_positives) == 439 > 416 - 313
    note = note_on(3, "alanet", "f1", 0)
    for number in ("190", "123", "439", "103", "impossible"):
        assert number in note


def test_the_baselines_accuracy_is_half_of_one():
    f1 = 0.9622  # of class 0, challenge table
    accuracy = f1 / (2 - f1)  # of predicting class 0 always
    table = published(1)
    printed = cell(table, "stacked_lstm", "accuracy")
    assert printed == round(accuracy / 2, 4)
    assert round(f1 / 2, 2) == cell(table, "stacked_lstm", "macro_f1")
    note = note_on(1, "stacked_lstm", "accuracy")
    assert "0.9272" in note and f"{accuracy:.4f}" == "0.9272"


def test_majority_notes_are_arithmetic():
    accuracy = 2651 / 2833
    f1 = 2 * 2651 / (2 * 2651 + 182) / 2
    for number in (1, 2):
        table = published(number)
        assert f"{accuracy:.4f}" in note_on(number, "majority", "accuracy")
        printed = [v.value for v in table.values if v.metric == "accuracy"]
        assert max(x for x in printed if x is not None) < accuracy
        assert f"{f1:.3f}" in note_on(number, "majority", "macro_f1")
    assert f"{313 / 416:.3f}" in note_on(3, "majority", "accuracy")


@pytest.mark.parametrize(
    "method, counts, mcc",
    [
        ("alanet", (75, 107, 326, 2325), 0.20),
        ("banet", (127, 55, 596, 2055), 0.27),
    ],
)
def test_confusion_counts_in_the_notes_fit_the_rows(method, counts, mcc):
    tp, fn, fp, tn = counts
    table = published(1)
    assert (tp + fn, tn + fp) == (182, 2651)
    close = {"abs": 5e-3}
    accuracy, f1 = cell(table, method, "accuracy"), cell(table, method, "f1", 1)
    assert (tp + tn) / 2833 == pytest.approx(accuracy, **close)
    assert 2 * tp / (2 * tp + fp + fn) == pytest.approx(f1, **close)
    negative = cell(table, method, "f1", 0)
    assert 2 * tn / (2 * tn + fp + fn) == pytest.approx(negative, **close)
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    found = (tp * tn - fp * fn) / np.sqrt(product)
    assert found == pytest.approx(mcc, **close)
    note = note_on(1, method, "f1", 1)
    assert str(tp) in note and f"{tn:,}" in note and f"{mcc:.2f}" in note


@pytest.mark.parametrize(
    "number, words",
    [
        (1, ["14 patients and 9 healthy", "[26]", "0.54", "0.851", "0.587"]),
        (1, ["0.4811", "hardware", "MCC about 0.20", "0.8475"]),
        (1, ["whole-body variant"]),
        (2, ["0.77", "0.483", "whole-body variant"]),
        (3, ["416 samples of 7", "0.66", "0.56", "0.41", "0.752", "0.34"]),
        (3, ["Sigmoid / Gaussian", "LOSOCV (train)", "C = 0.1"]),
    ],
)
def test_every_known_inconsistency_has_its_note(number, words):
    table = published(number)
    text = " ".join(
        [v.note for v in table.values] + [n for _, n in table.notes]
    )
    assert [word for word in words if word not in text] == []


def test_counts_that_print_the_row_do_not_have_the_accuracy_of_the_text():
    tp, fp = np.meshgrid(np.arange(1, 183), np.arange(2652))
    accuracy = (tp + 2651 - fp) / 2833
    f1 = 2 * tp / (tp + fp + 182), 2 * (2651 - fp) / (5484 - tp - fp)
    ours = np.stack([accuracy, *f1, np.mean(f1, axis=0)], axis=-1)
    fits = (np.round(100 * ours) == [85, 26, 91, 59]).all(axis=-1)
    assert fits.sum() == 28 and round(accuracy[fits].max(), 4) == 0.8475


@pytest.mark.parametrize(
    "name, noted",
    [
        ("table1_unbc", {"l3d_full": 2.60}),
        ("table2_unbc", {"l3d_full": 2.60}),
        ("table1_biovid", {"l3d": 1.45}),
        ("table3_biovid", {"resnet18_lstm": 1.41, "l3d_full": 1.37}),
    ],
)
def test_rmse_beyond_rounding_is_noted(name, noted):
    table, beyond = read_published(PUBLISHED / f"l3d_{name}.csv"), {}
    for value in table.values:
        mse = cell(table, value.method, "mse", None, "cv5")
        if value.metric == "rmse" and value.value and mse:
            low, high = np.sqrt([mse - 0.005, mse + 0.005])
            if not low - 0.005 <= value.value <= high + 0.005:
                beyond[value.method] = value.value
    assert beyond == noted
    text = " ".join(note for _, note in table.notes)
    assert all(f"{rmse:.2f} squared" in text for rmse in noted.values())


HEAD = "method,evaluation,metric,class,value,note\n"


@pytest.mark.parametrize(
    "text, says",
    [
        ("method,value\n", "columns"),
        (HEAD + "a,b,c,,x,\n", "line 2"),
        (HEAD + "a,b,c,x,1,\n", "line 2"),
        (HEAD + "a,b,c\n", "6 columns"),
        (HEAD + "a,b,c,,1,\na,b,c,,2,\n", "line 3 .* repeats"),
        (f'{HEAD}a,b,c,,1,\na,b,d,,2,"{"x" * 140_000}"\n', "line 3 .* limit"),
    ],
)
def test_published_files_of_another_form_are_refused(tmp_path, text, says):
    path = tmp_path / "published.csv"
    path.write_text(text)
    with pytest.raises(BadFileError, match=says) as error:
        read_published(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(BadFileError, match="cannot be read"):
        read_published(tmp_path / "missing.csv")


def test_blank_lines_and_a_byte_order_mark_are_no_fault(tmp_path):
    path = tmp_path / "published.csv"
    text = "\ufeff" + HEAD + "\na,b,c,,1,\n\n*,b,,,,note\n\n"
    path.write_text(text, encoding="utf-8")
    found = read_published(path)
    assert found.get("a", "b", "c").value == 1.0
    assert found.notes == [("b", "note")]
    path.write_text(HEAD + "\na,b,c,,1,\na,b,c,,2,\n")
    with pytest.raises(BadFileError, match="line 4 .*; keep one of the two"):
        read_published(path)
    path.write_text(HEAD + "a,b,c,,x,\n")
    with pytest.raises(BadFileError, match="; give class as an index or empty"):
        read_published(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadFileError, match="cannot be read .*restore it"):
        read_published(path)
