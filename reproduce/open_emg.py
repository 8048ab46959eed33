"""Real muscles: three activities by the EMG of the thigh and the knee's angle.

Nobody here is in pain by the label; nine of the eighteen men have an abnormal
knee. It shows that movement networks and classical methods run on EMG of any
rate and number of channels. Leave one person out.

Data: "EMG dataset in Lower Limb", UCI Machine Learning Repository 278.

    python reproduce/open_emg.py --manual_dir EMG

Sitting and standing of N01 and N02, the same bytes, are left out.

Windows of two seconds, as long as the published comparisons of this release
have them. Settings of time, 30 Hz and ten epochs, let 18 folds end in hours on
two cores; nothing was chosen by a score.
"""

from keras_pain.reproduction import main_own

if __name__ == "__main__":
    main_own(
        corpus="emg_lower_limb",
        own={
            "label": "activity",
            "window_seconds": 2.0,
            "step_seconds": 1.0,
            "rate": 30.0,
        },
        name="open_emg",
        title="EMG in Lower Limb: gait, sitting or standing",
        paper="No paper of this suite; data: UCI Machine Learning Repository "
        "278",
        methods=(
            *("knn", "svm", "rf_frames", "random_forest"),
            *("stacked_lstm", "bi_lstm", "dual_stream_lstm", "banet"),
            *("banet_temporal", "banet_bodily", "alanet", "alanet_parts"),
            *("cnn_sap", "cnn_tap", "lsfan"),
        ),
        # Settings were fixed on these, and on nobody else.
        development=("A01", "N01", "N02"),
        seeds=(0, 1, 2),
        epochs=10,
    )
