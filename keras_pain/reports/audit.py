"""What the papers claim, recomputed: a ledger of executable rows.

What needs a corpus is marked so; the tables of `reproduce/` are the check then.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from keras_pain.io import tracked
from keras_pain.reports import feasible
from keras_pain.reports.table import Grid, Sheet

TITLE = "What the papers claim, recomputed"

HOLDS = "holds"
CANNOT = "cannot hold"
UNKNOWN = "cannot be checked without data"

_ALANET = "Yuan and Mahmoud, ALANet (FG 2020)"
_BANET = "Wang et al., BANet (ACIIW 2019)"
_L3D = "L3D (Comput. Syst. Appl. 2024)"
_LSFAN = "Ortigoso-Narro et al., L-SFAN (arXiv 2406.16913)"
_PEMF = "Ridouan et al. (arXiv 2501.06787), released code"
_AACSFNET = "Gao et al., AACSFNet, released code"
# Samples of each class that ALANet's section IV counts in its validation set.
_TASK2, _TASK3 = (313, 89, 14), (2651, 182)


@dataclasses.dataclass(frozen=True)
class Row:
    """A claim, where it is printed, and what comes of checking it.

    `check` returns the verdict, `HOLDS`, `CANNOT` or `UNKNOWN`, and the
    evidence, a sentence with the recomputed numbers.
    """

    paper: str
    place: str
    claim: str
    check: Callable[[], tuple[str, str]]


ROWS: list[Row] = []


def _row(paper, place, claim):
    def add(check):
        ROWS.append(Row(paper, place, claim, check))
        return check

    return add


def _verdict(holds, evidence):
    return (HOLDS if holds else CANNOT), evidence


def _fits(counts, **printed):
    texts = {k: [v] if isinstance(v, str) else v for k, v in printed.items()}
    found = feasible.feasible(counts, feasible.claims_of(counts, texts))
    what = f"{found.number:,} confusion matrices of {sum(counts):,} samples"
    return _verdict(found.number, f"{what} round to these numbers")


@_row(_ALANET, "Table I", "accuracy .85, F1 .91 and .26, mean .59")
def _table_one():
    return _fits(_TASK3, accuracy=".85", f1=(".91", ".26"), macro_f1=".59")


@_row(_ALANET, "text on Table I", "accuracy .851 with F1 .91 and .26")
def _text_on_table_one():
    return _fits(_TASK3, accuracy=".851", f1=(".91", ".26"))


@_row(_ALANET, "Table I", "BANet: accuracy .77, F1 .86 and .28, mean .57")
def _banet_of_table_one():
    return _fits(_TASK3, accuracy=".77", f1=(".86", ".28"), macro_f1=".57")


@_row(
    _ALANET, "Table III", "hold-out: accuracy .4561, F1 .403, 0, 0, mean .134"
)
def _table_three():
    claims = {"accuracy": "0.4561", "f1": ("0.403", "0", "0")}
    # A class without a right prediction has an F1 of 0 exactly.
    return _fits(_TASK2, **claims, recall=("-", "0.0000", "0.0000"))


@_row(_ALANET, "Table III", "SVM, hold-out: mean of F1 0, .14 and 0 is .34")
def _svm_mean():
    mean = (0 + 0.14 + 0) / 3
    return _verdict(abs(mean - 0.34) <= 0.005, f"the mean is {mean:.3f}")


@_row(_ALANET, "section V", "significantly better than the accuracy .4636")
def _half():
    share = 0.9622 / (2 - 0.9622)  # of negatives, by F1 of always negative
    rate = f"{share:.4f}; half of it is {share / 2:.4f}"
    text = f"who always says negative and has F1 .9622 has accuracy {rate}"
    return _verdict(abs(share / 2 - 0.4636) > 5e-5, f"{text}: no accuracy")


@_row(_ALANET, "Table I", "accuracy .85 is above that of a trivial predictor")
def _majority():
    share = _TASK3[0] / sum(_TASK3)
    text = f"the majority class has accuracy {share:.3f}"
    return _verdict(share <= 0.855, text)


@_row(_ALANET, "Table III, text", "hold-out accuracy .4561, in the text .66")
def _majority_of_three():
    share = _TASK2[0] / sum(_TASK2)
    text = f"they differ; the majority class has accuracy {share:.3f}"
    return _verdict(share <= 0.66, text)


@_row(_BANET, "Table II", "BANet-body has 2,023 parameters")
def _banet_body():
    from keras_pain.models.banet import BANet

    found = BANet((180, 26), attention="bodily").count_params()
    return _verdict(found == 2023, f"the released network has {found:,}")


@_row(_BANET, "Table II", "BANet has 2,131 parameters")
def _banet():
    from keras_pain.models.banet import BANet

    found = BANet(input_shape=(180, 26)).count_params()
    return _verdict(found == 2131, f"the network has {found:,}")


@_row(_BANET, "section V", "BANet's F1 .844 is pooled over people, as .815 is")
def _pooled():
    return UNKNOWN, (
        "the released code rounds each fold's F1 and averages folds, where one "
        "without protective windows scores 1; `reproduce/leaderboard_movement"
        ".py` prints both means"
    )


@_row(_LSFAN, "released weights", "each fold's network starts anew")
def _shared_network():
    return UNKNOWN, (
        "in the released models.py all folds share one CNN; the batch counters "
        "of model0 to model29 say so: `keras-pain convert lsfan` reads a copy "
        "of them"
    )


# Row, MAE, MSE and RMSE as they are printed in Tables 1 to 3.
_ERRORS = (
    ("Table 1, UNBC, L3D", "8.02", "2.83"),
    ("Table 1, UNBC, + multi-scale", "7.55", "2.75"),
    ("Table 1, UNBC, + SE", "7.65", "2.77"),
    ("Table 1, UNBC, both", "6.94", "2.60"),
    ("Table 2, UNBC, C3D", "7.89", "2.81"),
    ("Table 1, BioVid, L3D", "2.13", "1.45"),
    ("Table 1, BioVid, + multi-scale", "2.01", "1.42"),
    ("Table 1, BioVid, + SE", "1.95", "1.40"),
    ("Table 1, BioVid, both", "1.90", "1.38"),
    ("Table 3, BioVid, ResNet18-LSTM", "2.02", "1.41"),
    ("Table 3, BioVid, ResNet18-GRU", "2.21", "1.48"),
    ("Table 3, BioVid, C3D", "1.97", "1.40"),
    ("Table 3, BioVid, both", "1.90", "1.37"),
)


def _root(mse, rmse):
    low, high = np.sqrt([float(mse) - 0.005, float(mse) + 0.005])
    text = f"the root of an MSE that prints {mse} is {low:.4f} to {high:.4f}"
    if float(rmse) < low - 0.005:
        text += "; both can be right as means over folds, where RMSE lies lower"
    return _verdict(low - 0.005 <= float(rmse) <= high + 0.005, text)


for _place, *_pair in _ERRORS:
    _claim = "MSE {} and RMSE {} come from one test".format(*_pair)
    _row(_L3D, _place, _claim)(functools.partial(_root, *_pair))


@_row(_L3D, "Tables 1 and 3", "one network on BioVid: RMSE 1.38, and 1.37")
def _twice():
    return _verdict(False, "the same row is printed twice, with two numbers")


@_row(_L3D, "Tables 1 and 3", "BioVid: every row is better than a constant")
def _constant():
    errors = np.abs(np.arange(5) - 2)
    numbers = f"MAE {errors.mean():.2f}, MSE {(errors**2).mean():.2f}"
    text = f"always answering 2 has {numbers}, RMSE "
    text += f"{np.sqrt((errors**2).mean()):.3f}; the rows' MAE is 1.18 to 1.25"
    return _verdict(errors.mean() > 1.25, text)


# Row of Table 4, network, parameters in millions, operations in milliards.
_SIZES = (
    ("ResNet18-LSTM", "resnet18_lstm", 15.03, 58.79),
    ("ResNet18-GRU", "resnet18_gru", 14.86, 58.79),
    ("C3D", "c3d", 77.98, 617.84),
    ("L3D", "l3d", 1.07, 10.62),
    ("L3D with both", "l3d_full", 3.04, 12.96),
)


def _size(name, millions, milliards):
    from keras_pain.models.flops import count_flops
    from keras_pain.models.registry import MODELS

    model = MODELS[name].build()
    found = model.count_params() / 1e6
    flops = count_flops(model) / 1e9
    ways = {"two a multiply-add": flops, "one": flops / 2}
    way, best = min(ways.items(), key=lambda pair: abs(pair[1] - milliards))
    off = abs(best / milliards - 1)
    text = f"{found:.2f} M; {best:.2f} G at {way}, {100 * off:.1f} % off"
    if name == "l3d_full":
        text += "; what the text adds makes 0.06 G of 2.34 in our "
        text += "reconstruction, whose channels the paper leaves open"
    # What the text leaves open moves the others by less.
    return _verdict(off < 0.02 and abs(found - millions) < 0.015, text)


for _label, _name, _m, _g in _SIZES:
    _claim = f"{_label}: {_m} M parameters, {_g} G operations"
    _row(_L3D, "Table 4", _claim)(functools.partial(_size, _name, _m, _g))


@_row(_L3D, "Table 4", "operations of all rows are in one unit")
def _units():
    from keras_pain.models.flops import count_flops
    from keras_pain.models.registry import MODELS

    pairs = [(n, g) for _, n, _, g in _SIZES if n in ("resnet18_lstm", "c3d")]
    ratios = [g * 1e9 / count_flops(MODELS[n].build()) for n, g in pairs]
    text = f"of 32 frames, ResNet18-LSTM's is {ratios[0]:.2f} of two a "
    text += f"multiply-add, C3D's {ratios[1]:.2f}"
    return _verdict(abs(ratios[0] / ratios[1] - 1) < 0.05, text)


@_row(_AACSFNET, "model", "a face's score does not depend on other faces")
def _across_batch():
    from keras_pain.models.aacsfnet import AACSFNet

    small = {"width": 4, "blocks": (1, 1, 1, 1), "maps": 12, "ff_units": 10}
    small |= {"global_layers": 1, "embed_dim": 12, "vit_layers": 1}
    small |= {"patch_sizes": (16, 8), "input_shape": (64, 64, 3)}
    model = AACSFNet(**small, branches_across_batch=True)
    x = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3))
    x = x.astype(np.float32)
    together = model.predict(x, verbose=0)[0]
    off = float(np.abs(together - model.predict(x[:1], verbose=0)[0]).max())
    text = "with attention across the batch as coded, a network's score of one "
    return _verdict(off < 1e-6, f"{text}face moves by {off:.1e} with others")


@_row(_AACSFNET, "model", "the global branch takes part from the start")
def _mute():
    x = np.random.default_rng(0).normal(size=(1000, 64))
    normed = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    most = np.abs(normed.mean(axis=1)).max()
    text = "it is a mean over the axis that a layer normalisation has just "
    return _verdict(most > 1e-6, f"{text}centred: at most {most:.0e}")


@_row(_PEMF, "STGCN-LSTM", "5.7 M parameters of GRUs weigh neighbours")
def _cancelled():
    from keras_pain.models.stgcn_lstm import STGCNLSTM

    small = {"filters": 2, "graph_filters": 2, "temporal_filters": 2}
    given = {"input_shape": (5, 68, 2), "aggregation": "attention"}
    model = STGCNLSTM(**given, **small, graph="as_released", units=(2, 2))
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 200, (3, 5, 68, 2)).astype(np.float32)
    before, number = model.predict(x, verbose=0), 0
    for weight in model.weights:
        if "gru" in weight.path:
            weight.assign(rng.normal(size=weight.shape))
            number += int(np.prod(weight.shape))
    off = float(np.abs(model.predict(x, verbose=0) - before).max())
    text = f"with {number:,} GRU weights of a small one drawn anew, scores "
    text += f"move by {off:.0e}: the logits are equal for all neighbours and "
    return _verdict(off > 1e-5, f"{text}cancel")


@_row(_PEMF, "STGCN-LSTM", "the graph joins neighbouring landmarks")
def _shifted():
    from keras_pain.signals.face_graph import edges

    kinds = "corrected", "as_released"
    right, coded = (set(map(tuple, edges(kind))) for kind in kinds)
    text = f"{len(coded - right)} of {len(coded)} released edges are between "
    text += "other points than a face's mesh has"
    return _verdict(coded <= right, text)


@_row("ErAS-Net", "abstract", "98.77 % on UNBC is of people never seen")
def _leak():
    text = "in 10 folds of mixed frames; with people left out it prints 89.83 "
    gap = 98.77 - 89.83
    return _verdict(gap == 0, f"{text}%, {gap:.2f} points less")


def run() -> list[dict]:
    """Checks every claim, in order; a dict a row, JSON values."""
    found = []
    for row in tracked(ROWS, "claims"):
        verdict, evidence = row.check()
        facts = {"paper": row.paper, "place": row.place, "claim": row.claim}
        found.append({**facts, "verdict": verdict, "evidence": evidence})
    return found


def sheet(rows: list[dict]) -> Sheet:
    """The ledger as a table, with the number of each verdict."""
    verdicts, names = [row["verdict"] for row in rows], [*rows[0]]
    lines = [
        f"{verdict}: {verdicts.count(verdict)} of {len(rows)}"
        for verdict in (HOLDS, CANNOT, UNKNOWN)
    ]
    cells = [[*row.values()] for row in rows]
    grid = Grid("Claims", [*map(str.title, names)], [cells], left=len(names))
    return Sheet("audit", TITLE, lines, [grid])
