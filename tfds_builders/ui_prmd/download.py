"""The raw files of UI-PRMD: the manual directory first, else the owners' site.

The homepage is the one that the paper names (Vakanski et al., 2018). The
archives' names are those under which the owners published them; that they lie
directly beside the homepage is an assumption that nobody could check, as the
site has been reported to be out of reach. So the manual directory comes first,
and a failed download says in one line what to do.
"""

import os
import pathlib
import urllib.error
import urllib.parse
import urllib.request
import zipfile

import tensorflow_datasets as tfds

from keras_pain.errors import KerasPainError

HOMEPAGE = "https://webpages.uidaho.edu/ui-prmd/"
ARCHIVES = ("Segmented Movements.zip", "Incorrect Segmented Movements.zip")
URLS = {name: HOMEPAGE + urllib.parse.quote(name) for name in ARCHIVES}
_TIMEOUT = 20  # seconds


def raw_folder(dl_manager: tfds.download.DownloadManager) -> str:
    """Folder that holds the unpacked archives.

    It is the manual directory where that holds anything, else one into which
    the owners' archives were downloaded; raises KerasPainError without either.
    """
    try:
        return os.fspath(dl_manager.manual_dir)
    except AssertionError:  # how TFDS says that it is missing or empty
        pass
    target = pathlib.Path(dl_manager.download_dir) / "ui_prmd"
    try:
        # TFDS tries a dead host for minutes.
        for url in URLS.values():
            _check(url)
        archives = dl_manager.download(URLS)
        for archive in archives.values():
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(target)
    except (OSError, tfds.download.DownloadError, zipfile.BadZipFile) as error:
        raise KerasPainError(
            f"{HOMEPAGE}: UI-PRMD cannot be downloaded ({error}), and the "
            "manual directory is empty or missing; unpack "
            f"{' and '.join(map(repr, ARCHIVES))} into a folder and give it "
            "with --manual_dir"
        ) from error
    return os.fspath(target)


def _check(url):
    request = urllib.request.Request(url, method="HEAD")
    urllib.request.urlopen(request, timeout=_TIMEOUT).close()
