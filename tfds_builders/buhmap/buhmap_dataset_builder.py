"""BUHMAP-DB: faces of sign language, as OpenFace features."""

from tfds_builders.folder_builder import FolderBuilder, config


class Builder(FolderBuilder):
    """One example is one sequence of one person."""

    CORPUS = "buhmap"
    HOMEPAGE = "https://www.cmpe.boun.edu.tr/pilab/BUHMAP/"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The manual directory holds OpenFace's CSV files of the sequences, plain or
    .gz, and `sequences.csv` with the columns file, person and class. The
    features are openly in the GrammaticalFacialExpressions repository (MIT).
    """
    BUILDER_CONFIGS = [config("landmarks")]
