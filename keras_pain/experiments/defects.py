"""Known evaluation defects, each a named switch of a protocol.

A defect plugs into one place of a run: it changes the windows' settings, who
is who, what the scaler sees, what is tested, how a network starts, or how
predictions are scored. `leak_free` has none of them on. `LEAKS` leak or
flatter whatever the model; `DISPUTES` are choices of a protocol about which the
field is of two minds; the others are what released code does on top.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from keras_pain.data.clips import ClipSet
from keras_pain.data.windows import WindowSet
from keras_pain.errors import ConfigurationError, check_choice
from keras_pain.experiments import metrics as measures
from keras_pain.models.registry import CLIPS, FRAMES, MODELS, WINDOWS

Samples = WindowSet | ClipSet
TEST_BATCH = 32  # released AACSFNet code


@dataclasses.dataclass(frozen=True)
class Defect:
    """One switch.

    Args:
        name: Its key in `DEFECTS`.
        says: What happens, in one line, for headers.
        source: Where it was seen.
        changes: By place in a run, what returns the changed value there:
            of `settings` of windows; the `seed`; `samples`, given the run's
            seed; all `folds`; the people of a `fold`; the samples in `train`;
            `arguments` of a method, given its name (`recipe` names the entry
            of the model registry whose recipe is taken); `intensities`, a
            pair of truth and prediction, given the batch size; `metrics`,
            given truth and predictions. None at `data` and `start`:
            `folds.prepare_fold` and the runner ask for these by name.
        distorts: The metrics that it scores otherwise than they are defined;
            where there are any, networks are those of the protocol without it.
        in_config: Whether folds' configurations name it. Not those which the
            method's arguments there tell, so that folds of methods without
            them, and from before there was this defect, keep matching.
    """

    name: str
    says: str
    source: str
    changes: Mapping[str, Callable | None]
    distorts: tuple[str, ...] = ()
    in_config: bool = True


def distorted_metrics(names: Sequence[str]) -> set[str]:
    """Metrics that these defects score otherwise than they are defined."""
    return {name for d in resolve_defects(names) for name in d.distorts}


def resolve_defects(names: Sequence[str]) -> tuple[Defect, ...]:
    """Defects by name; ConfigurationError where there is no such defect."""
    for name in names:
        check_choice("defect", name, DEFECTS)
    return tuple(DEFECTS[name] for name in names)


def apply_defects(names: Sequence[str], place: str, value, *context):
    """The value with what these defects change at a place of a run."""
    for defect in resolve_defects(names):
        if place in defect.changes:
            value = defect.changes[place](value, *context)
    return value


def settings_with(defects: Sequence[str], settings: Mapping) -> dict:
    """The windows' settings under these defects."""
    return dict(apply_defects(defects, "settings", settings))


def scored_intensities(
    y_true: np.ndarray,
    y_pred: np.ndarray,
    defects: Sequence[str] = (),
    batch_size: int = TEST_BATCH,
) -> tuple[np.ndarray, np.ndarray]:
    """What is scored of one fold's `(n,)` intensities under these defects."""
    return apply_defects(defects, "intensities", (y_true, y_pred), batch_size)


def score(
    y_true: np.ndarray,
    predicted: np.ndarray,
    num_classes: int,
    defects: Sequence[str] = (),
    batch_size: int = TEST_BATCH,
    ordinal: bool = False,
) -> dict:
    """`compute_metrics` or `compute_regression` under these defects.

    Of `ordinal` classes there are the metrics of these, too. Of `(n,)` classes
    and `(n, num_classes)` probabilities, or, where that is 0, of `(n,)`
    intensities, of which `batch_size` are tested at once.
    """
    if num_classes:
        metrics = measures.compute_metrics(y_true, predicted, num_classes)
        if ordinal:
            metrics |= measures.compute_ordinal(y_true, predicted)
    else:
        pair = scored_intensities(y_true, predicted, defects, batch_size)
        metrics = measures.compute_regression(*pair)
    return apply_defects(defects, "metrics", metrics, y_true, predicted)


def _random_groups(samples, seed):
    """Windows dealt at random to groups of the subjects' sizes."""
    dealt = np.random.default_rng([seed, 41]).permutation(samples.subject)
    return dataclasses.replace(samples, subject=dealt)


def _fm(metrics, *_):
    """Adds the mean F1 that takes the last class's precision for its F1."""
    precision = metrics["precision"][-1]
    if precision is None and metrics["f1"][-1] is not None:
        precision = 0.0  # scikit-learn's, where nothing is predicted
    f1 = [*metrics["f1"][:-1], precision]
    known = [value for value in f1 if value is not None]
    return {**metrics, "fm": float(np.mean(known))}


def _fm_best(metrics, y_true, probabilities):
    """Adds the mean of each class's best F1 over all thresholds of its own."""
    from sklearn.metrics import precision_recall_curve  # a second

    best = []
    for index in np.flatnonzero(metrics["support"]):
        truth, scores = y_true == index, np.asarray(probabilities)[:, index]
        precision, recall, _ = precision_recall_curve(truth, scores)
        both = np.maximum(precision + recall, np.finfo(float).tiny)
        best.append(np.max(2 * precision * recall / both))
    return {**metrics, "fm_best": float(np.mean(best))}


def _label_rule(**changes):
    def change(settings):
        rule = settings.get("label_rule", "papers_per_frame")
        if rule not in changes:
            raise ConfigurationError(
                f"this defect cannot be switched on over label rule {rule!r}"
            )
        return {**settings, "label_rule": changes[rule]}

    return change


def _arguments(methods, **arguments):
    """These arguments, for these methods."""
    return lambda found, name: found | (arguments if name in methods else {})


def _last_epoch(found, method):
    networks = (*MODELS.fed(WINDOWS, CLIPS, FRAMES), *_CONVNEXT, *_STGCN)
    return _arguments(networks, last_epoch=True)(found, method)


def _unscaled(found, method):
    frames = {"standardise": False, "relative": False}
    found = _arguments(_CONVNEXT, **frames)(found, method)
    return _arguments(_STGCN, normalise=False)(found, method)


def _first_person_twice(train):
    first = np.flatnonzero(train.subject == np.sort(train.subject)[0])
    return train.take(np.concatenate([first, np.arange(len(train))]))


def _evenly_dealt(samples, seed):
    """Windows dealt at random to as many groups as people, by class."""
    rng, names = np.random.default_rng([seed, 43]), np.unique(samples.subject)
    order = rng.permutation(len(samples))
    order = order[np.argsort(samples.y[order], kind="stable")]
    dealt = np.empty_like(samples.subject)
    dealt[order] = names[np.arange(len(order)) % len(names)]
    return dataclasses.replace(samples, subject=dealt)


def _exercise(recording):
    """What a recording's name begins with: of UI-PRMD the exercise."""
    return recording.partition("_")[0]


def _by_own(samples, seen=True):
    """Each person's windows, scaled by those of their own that are `seen`."""
    # It imports scikit-learn, which takes a second.
    from keras_pain.data.augment import apply_scaler, fit_scaler

    x, statistics = samples.x.copy(), samples.statistics
    people = np.strings.partition(samples.subject.astype(str), _MARK)[0]
    for person in np.unique(people):
        mine = people == person
        scaler = fit_scaler(samples.take(mine & seen))
        x[mine] = apply_scaler(scaler, samples.take(mine)).x
        if statistics is not None:
            known = statistics[mine & seen]
            spread = known.std(axis=0)
            spread[spread == 0] = 1
            statistics = statistics.copy()
            statistics[mine] -= known.mean(axis=0)
            statistics[mine] /= spread
    return dataclasses.replace(samples, x=x, statistics=statistics)


def _sliced(samples, _=None):
    """The first windows of each person and class become a subject apart.

    Windows that overlap with these belong to a third one.
    """
    kinds = np.array([*map(_exercise, samples.recording.tolist())])
    names = np.stack([samples.subject, kinds, samples.y.astype(str)])
    _, of = np.unique(names, axis=1, return_inverse=True)
    subject = samples.subject.astype(object)
    for group in range(of.max() + 1):
        mine = np.flatnonzero(of == group)
        last = mine[int(np.ceil(_CALIBRATION * len(mine))) - 1]
        end = samples.start[last] + samples.x.shape[1]
        same = samples.recording[mine] == samples.recording[last]
        subject[mine[same & (samples.start[mine] < end)]] += _BETWEEN
        first = mine[mine <= last]
        subject[first] = samples.subject[first].astype(object) + _FIRST
    return dataclasses.replace(samples, subject=subject.astype(str))


def _scaled_by_first(samples, _):
    sliced = _sliced(samples)
    return _by_own(sliced, np.strings.endswith(sliced.subject, _FIRST))


def _with_first(folds, labelled):
    """Training has both parts of its people; the first of the tested too."""
    return [
        dataclasses.replace(
            fold,
            train=_both(fold.train) + _first_of(fold.test) * labelled,
            validation=_both(fold.validation),
        )
        for fold in folds
    ]


def _first_of(people):
    return tuple(person + _FIRST for person in people)


def _both(people):
    return people + _first_of(people)


def _by_exercise(samples, _):
    """Each person and exercise is a subject of its own."""
    kinds = [*map(_exercise, samples.recording.tolist())]
    if set(kinds) != set(_EXERCISES):
        raise ConfigurationError(
            "transfer between exercises is of UI-PRMD's "
            f"{' and '.join(_EXERCISES)}; got {', '.join(sorted(set(kinds)))}"
        )
    subject = np.strings.add(samples.subject.astype(str), _MARK)
    return dataclasses.replace(samples, subject=np.strings.add(subject, kinds))


def _trained_on(own, known=False):
    """Two folds of each: training on the tested exercise, or the other."""

    def change(folds):
        new = []
        for fold in folds:
            for tested, other in (_EXERCISES, _EXERCISES[::-1]):
                source = _MARK + (tested if own else other)
                parts = fold.train + fold.test * known, fold.validation
                parts = [tuple(p + source for p in part) for part in parts]
                test = tuple(p + _MARK + tested for p in fold.test)
                new.append(type(fold)(f"{fold.name}_{tested}", *parts, test))
        return new

    return change


def _without_first(folds):
    first = min(subject for fold in folds for subject in fold.test)
    return [fold for fold in folds if first not in fold.test]


def _zero_tail(pair, batch_size):
    count = len(pair[0])
    kept = np.arange(count) < count // batch_size * batch_size
    return tuple(np.where(kept, values, 0) for values in pair)


def _zero_for_undefined(metrics, *_):
    if metrics["pcc"] is not None:
        return metrics
    undefined = {k: v for k, v in metrics["undefined"].items() if k != "pcc"}
    return {**metrics, "pcc": 0.0, "undefined": undefined}


def _papers(
    name, says, source="", code="", distorts=(), in_config=True, **changes
):
    """A defect; `source` says where in the code, if it was seen in one."""
    return Defect(name, says, code + source, changes, distorts, in_config)


_banet = functools.partial(_papers, code="released BANet code")
_lsfan = functools.partial(_papers, code="released L-SFAN code")
_pemf = functools.partial(_papers, code="released Pain-assessment code (PEMF)")
_aacsfnet = functools.partial(_papers, code="released AACSFNet code")

_CONVNEXT = (*(f"convnext_lstm_{v}" for v in "abcd"), "late_fusion")
_STGCN = ("stgcn_lstm", "stgcn_lstm_as_coded", "late_fusion")
_HAM = ("aacsfnet", "resnet50_ham")
_VIT = ("aacsfnet", "biscale_cross_vit")
_BANET = ("banet", "banet_temporal", "banet_bodily")
# Of subjects that are a part of a person.
_MARK = " in "
_FIRST, _BETWEEN = f"{_MARK}calibration", f"{_MARK}neither"
_CALIBRATION = 0.2  # of the windows of a person and class
_EXERCISES = ("m05", "m10")

LEAKS = (
    _banet(
        "epoch_on_test",
        "the epoch is chosen on the test subjects",
        fold=lambda fold: dataclasses.replace(fold, validation=fold.test),
    ),
    _lsfan(
        "scaler_on_everyone",
        "the scaler is fitted on all subjects, the tested ones included",
        data=None,
    ),
    _lsfan(
        "network_shared",
        "the network is not re-initialised between folds (of L-SFAN: its "
        "convolutions), so that the tested have been trained on; each fold "
        "ends its epochs first, where the released code goes through all folds "
        "once an epoch: the same with one epoch a fold only",
        source="; proved by its released weights",
        start=None,
    ),
    _lsfan(
        "augmented_copies_tested",
        "augmented copies of the test windows are tested as well",
        data=None,
    ),
    _papers(
        "windows_at_random",
        "overlapping windows are split at random instead of by subject; its "
        "'subjects' are random groups of the same sizes",
        source="frequent in the field; not in the code of these papers",
        samples=_random_groups,
    ),
    _lsfan(
        "precision_as_f1",
        "the precision of the last class enters Fm, the mean F1, as its F1; "
        "the F1 that is printed is right",
        source=": recall_score_one calls precision_score",
        metrics=_fm,
        distorts=("fm",),
    ),
    _lsfan(
        "threshold_on_test",
        "Fm best is of the threshold, one for each class, that is best on the "
        "tested; accuracy and MCC stay those of the most probable class",
        source=", its 'best' metrics",
        metrics=_fm_best,
        distorts=("fm_best",),
    ),
    _banet(
        "no_mask_padding",
        "BANet is fed the zeros that fill short windows as if they were "
        "recorded, instead of masking them",
        arguments=_arguments(_BANET, mask_value=None),
        in_config=False,
    ),
)
_OF_LSFAN = (
    _lsfan(
        "shifted_rater_columns",
        "the raters' columns are read one too late",
        source=", label_parser",
        settings=_label_rule(
            papers_per_frame="lsfan_shifted",
            lsfan_same_behaviour="lsfan_as_coded",
        ),
    ),
    _lsfan(
        "same_behaviour_agreement",
        "raters must agree on the same behaviour",
        source=", label_parser",
        settings=_label_rule(
            papers_per_frame="lsfan_same_behaviour",
            lsfan_shifted="lsfan_as_coded",
        ),
    ),
    _lsfan(
        "wrong_rater_slice",
        "labels are those of parser.py without padding, whose rater columns "
        "and threshold are wrong (instead of label_parser's)",
        source=", parser; not in the order that its readme gives",
        settings=_label_rule(papers_per_frame="lsfan_parser"),
    ),
    _lsfan(
        "unfinished_activity_dropped",
        "an activity that runs to the end of its file is dropped",
        source=", joint_parser",
        settings=lambda settings: {**settings, "unfinished": "drop"},
    ),
    _lsfan(
        "augmented_before_scaling",
        "noise is added to degrees and volts, before scaling, and the scaler "
        "sees the copies",
        source=", order of its readme",
        data=None,
    ),
    _lsfan(
        "pooling_over_time",
        "2D-CNN-SAP averages time and stretches 30 sensors to 42 bins",
        source=", CNN_SAP",
        arguments=_arguments(["cnn_sap"], pooling="as_coded"),
    ),
    _lsfan(
        "scheduler_never_stepped",
        "the learning-rate schedule is created and never stepped; its factor "
        "is 1, so this changes nothing here either",
    ),
    _lsfan(
        "misordered_axis_labels",
        "the axes of attention figures name the channels in another order "
        "than the data have; figures only (`keras-pain explain "
        "--axis_labels=as_released`)",
        source=", Grad-CAM figure",
    ),
)
_OF_CLIPS = (
    _papers(
        "clips_at_random",
        "clips are split at random instead of by subject, so that the same "
        "people are in training and test",
        source="papers that do not say how clips were grouped; released PEMF "
        "code",
        settings=lambda settings: {**settings, "unit": "clip"},
    ),
    _papers(
        "last_epoch",
        "the last epoch is tested, none is chosen; no leak",
        source="released code of L-SFAN, AACSFNet and Pain-assessment (PEMF)",
        arguments=_last_epoch,
    ),
    _pemf(
        "unscaled",
        "features are fed unscaled, and landmarks in pixels of the picture; no "
        "leak",
        arguments=_unscaled,
        in_config=False,  # part of last_epoch once
    ),
    _pemf(
        "scaler_on_all_clips",
        "the scaler of the landmarks is fitted on all clips, the tested ones "
        "included",
        source=", STGCN-LSTM",
        arguments=_arguments(_STGCN, scaler="all_clips"),
    ),
    _pemf(
        "smote_before_validation",
        "classes are balanced by interpolated clips (SMOTE) before the last "
        "tenth is set aside for validation, which therefore holds made-up "
        "clips only",
        source=", STGCN-LSTM",
        arguments=_arguments(_STGCN, oversample=True),
    ),
    _pemf(
        "normalised_twice",
        "pictures are standardised before the backbone standardises them "
        "again, which shrinks their contrast about 58 times",
        source=", ConvNeXt-LSTM",
        arguments=_arguments(_CONVNEXT, normalise_twice=True),
    ),
    _pemf(
        "jitter_after_standardisation",
        "the varied copies of the training clips are varied after their "
        "standardisation, so that saturation and hue are of no real colours",
        source=", ConvNeXt-LSTM",
        arguments=_arguments(_CONVNEXT, copies="after"),
    ),
)
_OF_AACSFNET = (
    _aacsfnet(
        "channels_across_batch",
        "the global attention over channels runs across the batch: a face's "
        "score depends on the faces beside it",
        arguments=_arguments(_HAM, channels_across_batch=True),
    ),
    _aacsfnet(
        "mean_of_normed",
        "the mean over the axis of the last layer normalisations: exactly "
        "zero at the start, the residual branch is mute",
        arguments=_arguments(_HAM, mean_of_normed=True),
    ),
    _aacsfnet(
        "class_token_keys",
        "the cross attention asks class tokens only; with two scales it has "
        "one key, and is none",
        arguments=_arguments(_VIT, class_token_keys=True),
    ),
    _aacsfnet(
        "branches_across_batch",
        "the fusion's attention runs across the batch, not between the two "
        "branches",
        arguments=_arguments(["aacsfnet"], branches_across_batch=True),
    ),
    _aacsfnet(
        "three_scales",
        "patches of 32, 16 and 8 pixels, where figure and name have two scales",
        arguments=_arguments(["aacsfnet"], patch_sizes=(32, 16, 8)),
    ),
    _aacsfnet(
        "integer_labels",
        "intensities are cut to whole numbers, also those that are tested",
        samples=lambda of, _: dataclasses.replace(of, y=np.trunc(of.y)),
    ),
    _aacsfnet(
        "first_person_untested",
        "the first person is trained on in every fold and never tested",
        folds=_without_first,
    ),
    _aacsfnet(
        "first_trained_twice",
        "a training person's frames are loaded twice: here the first by name, "
        "who is never tested; as released the first of a random order",
        train=_first_person_twice,
    ),
    _aacsfnet(
        "tail_as_zeros",
        "the test frames behind the last full batch are not predicted, and "
        "count as a true 0 predicted as 0",
        intensities=_zero_tail,
        distorts=measures.REGRESSION_METRICS,
    ),
    _aacsfnet(
        "predictions_clipped",
        "predictions are cut to 0 to 15, though PSPI goes up to 16",
        intensities=lambda pair, _: (pair[0], np.clip(pair[1], 0.0, 15.0)),
        distorts=measures.REGRESSION_METRICS,
    ),
    _aacsfnet(
        "constant_correlates_zero",
        "the PCC of a constant truth or prediction is 0 instead of undefined; "
        "it enters a mean over folds, which is ours: the released log drops "
        "the PCC",
        metrics=_zero_for_undefined,
        distorts=("pcc",),
    ),
    _aacsfnet(
        "released_schedule",
        "Adam at 0.04, a tenth of it from epochs 10, 20 and 30, for 80 epochs",
        arguments=_arguments({*_HAM, *_VIT}, recipe="aacsfnet_as_coded"),
    ),
    _aacsfnet(
        "misnamed_logs",
        "the log calls the training MSE 'MAE', and the tested loss 'MSE'; it "
        "changes no number",
    ),
)

ANOTHER_SEED = _papers(
    "another_seed",
    "the same protocol, trained with another seed: what a training anew moves",
    source="none: the null row",
    seed=lambda seed: seed + 1000,
)
_disputed = functools.partial(_papers, source="disputed in the field")
_SLICE = (
    "the first fifth of each person's windows of each class (and exercise) is "
    "a calibration slice, by which alone all of the person is scaled"
)
DISPUTES = (
    _disputed(
        "scaled_by_person",
        "each person is scaled by all of their own windows, the tested too",
        samples=lambda samples, _: _by_own(samples),
    ),
    _disputed(
        "scaled_by_first",
        f"{_SLICE}; of the tested nothing else is used, and its labels are not",
        samples=_scaled_by_first,
        folds=functools.partial(_with_first, labelled=False),
    ),
    _disputed(
        "first_labelled",
        f"{_SLICE}; that of the tested is trained on as well, with its labels",
        samples=_scaled_by_first,
        folds=functools.partial(_with_first, labelled=True),
    ),
    _disputed(
        "no_overlap",
        "windows do not overlap, in training and test",
        settings=lambda of: {**of, "step": of["length"]},
    ),
    _disputed(
        "stratified_windows",
        "folds are of windows at random, each class dealt evenly, instead of "
        "people",
        samples=_evenly_dealt,
    ),
    _disputed(
        "own_exercise",
        "trained on the tested exercise alone, of other people: transfer "
        "between people",
        samples=_by_exercise,
        folds=_trained_on(own=True),
    ),
    _disputed(
        "other_exercise",
        "trained on the other exercise alone, of other people: transfer "
        "between people and exercises",
        samples=_by_exercise,
        folds=_trained_on(own=False),
    ),
    _disputed(
        "other_exercise_known",
        "trained on the other exercise alone, of everyone, the tested person "
        "too: transfer between exercises",
        samples=_by_exercise,
        folds=_trained_on(own=False, known=True),
    ),
)
"""Each against `leak_free`, or what `AGAINST` says."""
AGAINST = dict.fromkeys(
    ("other_exercise", "other_exercise_known"), "own_exercise"
)

DEFECTS = {
    d.name: d
    for d in (
        *(*LEAKS, *_OF_LSFAN, *_OF_CLIPS, *_OF_AACSFNET),
        *(ANOTHER_SEED, *DISPUTES),
    )
}
# All that the released AACSFNet code does; the first is not peculiar to it.
AACSFNET_AS_CODED = ("last_epoch", *(d.name for d in _OF_AACSFNET))
