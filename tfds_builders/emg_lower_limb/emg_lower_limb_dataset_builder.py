"""EMG dataset in Lower Limb: sEMG of the thigh and the angle of the knee."""

from tfds_builders.folder_builder import FolderBuilder, config


class Builder(FolderBuilder):
    """One example is one activity of one man."""

    CORPUS = "emg_lower_limb"
    HOMEPAGE = "https://archive.ics.uci.edu/dataset/278"
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The manual directory holds a CSV file a recording, plain or .gz, with the
    columns of the release, and `recordings.csv` with the columns file, person,
    group and activity. The release is openly in the UCI Machine Learning
    Repository, number 278 (CC BY 4.0).
    """
    BUILDER_CONFIGS = [config("signals")]
