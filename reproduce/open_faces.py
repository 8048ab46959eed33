"""Real faces: neutral or smiling on photographs, ten folds of people.

Nobody in the London set is in pain. It shows that AACSFNet and its two parts
learn from real faces, with a class head. They are as wide as in the paper, see
64 pixels, and start from RANDOM weights; 140 pictures are few for them.

Data: DeBruine and Jones, "Face Research Lab London Set", 2017.

    python reproduce/open_faces.py --manual_dir LONDON
"""

from keras_pain.reproduction import main_own

if __name__ == "__main__":
    main_own(
        corpus="faces_london",
        own={"label": "expression", "evaluation": "group_kfold:10"},
        name="open_faces",
        title="London set: neutral or smiling",
        paper="No paper of this suite; data: DeBruine and Jones, 2017",
        methods=("pca_svm", "resnet50_ham", "biscale_cross_vit", "aacsfnet"),
        # Settings were fixed on these, and on nobody else.
        development=("001", "002", "003"),
        seeds=(0, 1, 2),
        epochs=15,
        size=64,
        notes=("Chance accuracy is 0.50: everybody has both faces.",),
        used=("size", "batch_size", "micro_batch", "mixed_precision"),
    )
