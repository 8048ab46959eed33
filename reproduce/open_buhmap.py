"""Real faces: eight classes of face and head movement, leave one person out.

Nobody in BUHMAP-DB is in pain. It shows that landmarks of OpenFace go through
STGCN-LSTM on real recordings, beside a plain classifier of how the landmarks
move. Chance accuracy is 0.125.

Data: Aran et al., "A database of non-manual signs in Turkish sign language",
SIU 2007; OpenFace features from the GrammaticalFacialExpressions repository.

    python reproduce/open_buhmap.py --manual_dir BUHMAP
"""

from keras_pain.reproduction import main_own

if __name__ == "__main__":
    main_own(
        corpus="buhmap",
        own={"label": "class"},
        name="open_buhmap",
        title="BUHMAP-DB: eight classes of face and head movement",
        paper="No paper of this suite; data: Aran et al., SIU 2007",
        methods=("lr_displacements", "stgcn_lstm"),
        # Settings were fixed on these, and on nobody else.
        development=("S01", "S02", "S03"),
        seeds=(0, 1, 2),
        # 600 updates, which end in about an hour a seed on one core.
        epochs=25,
        notes=("Chance accuracy is 0.125: classes are equally frequent.",),
        used=("num_frames", "batch_size"),
    )
