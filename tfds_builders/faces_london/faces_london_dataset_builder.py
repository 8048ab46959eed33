"""Face Research Lab London Set: photographs, neutral or smiling."""

from tfds_builders.folder_builder import FolderBuilder, config


class Builder(FolderBuilder):
    """One example is one photograph."""

    CORPUS = "faces_london"
    HOMEPAGE = "https://doi.org/10.6084/m9.figshare.5047666"
    DEFAULT_ON_BAD_FILE = "skip"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The manual directory holds the folders `neutral` and `smiling`, directly or
    in folders beside each other, with pictures NNN_03.jpg and NNN_08.jpg. The
    set is openly on figshare, 5047666 (CC BY 4.0).
    """
    BUILDER_CONFIGS = [config("faces")]
