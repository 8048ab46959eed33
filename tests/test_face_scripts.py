"""Tables 4 to 6 with a small network, on the corpora of the smoke runs."""

from predicted import assert_predicts_again
from scripts import rows_of, run_script

from keras_pain.cli import main


def ours(table, method, protocol, metric="pooled_mae"):
    (row,) = (
        r
        for r in table
        if (r["method"], r["protocol"], r["metric"])
        == (method, f"cv5/{protocol}", metric)
    )
    return row


def test_unbc_to_both_tables(smoked):
    smoked("table5_unbc")
    done = run_script(
        "table4_l3d_ablation",
        *("--smoke", "--corpus=unbc_mcmaster", "--methods=l3d"),
        "--results_dir=four",
        cwd=smoked.place,
    )
    assert "reused" in done.stderr  # the dataset is there
    assert "SIMULATED" in done.stdout and "SMOKE RUN" in done.stdout
    # Nothing is said to be known of a paper without code.
    assert "Assumed, not known: clips_at_random" in done.stdout
    assert "Known defects" not in done.stdout
    folder = smoked.place / "four"
    table = rows_of(folder / "table_SIMULATED.csv")
    for protocol in ("as_published", "leak_free"):
        row = ours(table, "l3d", protocol)
        assert float(row["ours"]) > 0
        assert float(row["paper"]) == 2.30
        assert row["simulated"] == "true"
        assert float(ours(table, "train_mean", protocol)["ours"]) > 0
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert {"intensity_SIMULATED.png", "training_SIMULATED.png"} <= figures
    assert_predicts_again(folder, "l3d")
    assert main(["explain", str(folder)]) == 0
    explained = {path.name for path in folder.glob("explanations/l3d/*")}
    assert {"grad_cam_clip_SIMULATED.png", "checks_SIMULATED.csv"} <= explained


def test_rows_that_only_the_paper_fills_are_shown_unless_others_are_asked_for(
    smoked,
):
    done, _ = smoked("table5_unbc")  # of other methods
    assert "DeepFaceLift" not in done.stdout


def test_biovid_shows_that_two_is_as_good(smoked):
    smoked("table6_biovid")
    (raw,) = (smoked.place / "data" / "simulated").glob("biovid_clips1*")
    done = run_script(
        "table6_biovid",
        *("--smoke", "--methods=resnet18_gru", "--results_dir=six"),
        *("--protocol=leak_free", f"--manual_dir={raw}"),
        cwd=smoked.place,
    )
    table = rows_of(smoked.place / "six" / "table_SIMULATED.csv")
    assert float(ours(table, "resnet18_gru", "leak_free")["paper"]) == 1.20
    assert "MAE 1.20, MSE 2.00" in done.stdout
    assert ours(table, "constant_2", "leak_free")["ours"]
    folder = smoked.place / "six"
    assert main(["explain", str(folder), "--no_checks"]) == 0
    drawn = list(folder.glob("explanations/resnet18_gru/*_SIMULATED.png"))
    assert len(drawn) == 2


def test_one_folder_is_of_one_corpus(tmp_path):
    done = run_script(
        "table4_l3d_ablation",
        f"--manual_dir={tmp_path}",
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1
    assert "--corpus=unbc_mcmaster|biovid" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
