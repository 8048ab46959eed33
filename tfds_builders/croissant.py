"""Croissant JSON-LD of every dataset: what is in it, who gives it, and how.

    python -m tfds_builders.croissant    # writes tfds_builders/*/croissant.json

TFDS reads Croissant and writes none. No program can fetch these data:
`conditionsOfAccess` says who gives them, in the words of the folder's README,
and the files that are described are those which `tfds build` makes of them.
"""

import importlib
import json
import pathlib
import re
import tempfile

import mlcroissant as mlc
import tensorflow_datasets as tfds

from keras_pain.corpora.base import CORPORA
from keras_pain.io import write_file

FOLDER = pathlib.Path(__file__).parent
FILE = "croissant.json"
CONFORMS_TO = "http://mlcommons.org/croissant/1.1"


def croissant(name: str) -> dict:
    """The JSON-LD of a builder's datasets; every config is a record set."""
    module = f"tfds_builders.{name}.{name}_dataset_builder"
    cls = importlib.import_module(module).Builder
    readme = (FOLDER / name / "README.md").read_text("utf-8")
    access = _part(readme, "Who gives it:")
    context = mlc.Context(conforms_to=CONFORMS_TO)
    files, records = [], []
    with tempfile.TemporaryDirectory() as empty:
        for config in cls.BUILDER_CONFIGS:
            builder = cls(config=config.name, data_dir=empty)
            path = f"{name}/{config.name}/{builder.version}"
            text = f"What `tfds build` makes of the raw files, below {path}/"
            files.append(
                mlc.FileSet(
                    ctx=context,
                    id=f"{config.name}-files",
                    name=f"{config.name}-files",
                    description=text,
                    encoding_formats=["application/x-tfrecord"],
                    includes=[f"{path}/*.tfrecord*"],
                )
            )
            fields = [
                _field(context, config.name, key, feature)
                for key, feature in builder.info.features.items()
            ]
            records.append(
                mlc.RecordSet(
                    ctx=context,
                    id=config.name,
                    name=config.name,
                    description=config.description,
                    fields=fields,
                )
            )
        info = builder.info
    licence = re.search(r"Licence:\s+(.+?)\.\s", readme, re.DOTALL)
    licence = licence[1] if licence else "see conditionsOfAccess"
    metadata = mlc.Metadata(
        ctx=context,
        name=name,
        description=_part(readme, ""),
        url=info.homepage,
        license=[" ".join(licence.split())],
        cite_as=info.citation or None,
        version=str(info.version),
        distribution=files,
        record_sets=records,
    )
    return metadata.to_json() | {
        "isAccessibleForFree": "openly" in access,
        "conditionsOfAccess": access,
    }


def _part(readme, begin):
    """The paragraph that begins so, in one line."""
    for paragraph in readme.split("\n\n"):
        if paragraph.startswith(begin):
            return " ".join(paragraph.removeprefix(begin).split())
    raise ValueError(f"the README has no paragraph {begin!r}")


def _field(context, config, key, feature):
    """A feature as a field; arrays with their shape, -1 where it varies."""
    shape = feature.shape
    kind = mlc.DataType.TEXT
    if not isinstance(feature, tfds.features.Text | tfds.features.ClassLabel):
        kind = getattr(mlc.DataType, feature.np_dtype.__name__.upper())
    return mlc.Field(
        ctx=context,
        id=f"{config}/{key}",
        name=f"{config}/{key}",
        data_types=[kind],
        is_array=bool(shape) or None,
        array_shape=",".join(str(n or -1) for n in shape) or None,
        source=mlc.Source(
            ctx=context,
            file_set=f"{config}-files",
            extract=mlc.Extract(ctx=context, column=key),
        ),
    )


def main() -> None:
    """Writes the files anew."""
    for name in CORPORA:
        text = json.dumps(croissant(name), indent=1, ensure_ascii=False)
        print(write_file(FOLDER / name / FILE, f"{text}\n".encode()))


if __name__ == "__main__":
    main()
