"""Your own recordings, or two corpora: methods compared person by person.

    keras-pain template signals my_data          # an example of such a folder
    keras-pain check folder --manual_dir my_data
    python reproduce/own_data.py --manual_dir my_data --label pain
    python reproduce/own_data.py --manual_dir A --test_dir B --label pain

The folder's tables say what is what, see `keras-pain template`. `--methods`
are names of the suite or your own `package.module:object`; without it a few
that fit. Leak-free: epochs are chosen on training people, the tested are
scored once. Everything is what `keras_pain.evaluate` does in Python.
"""

from keras_pain.reproduction import main_own

if __name__ == "__main__":
    names = "num_frames size batch_size micro_batch mixed_precision backbone"
    main_own(used=f"{names} backbone_weights balance".split())
