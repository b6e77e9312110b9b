"""Put together what a release offers, in _build/release.

python book/_tools/release.py

Needed before: make pdf, make html and, for the students' notebooks, make student.  The trained
networks come from _build/networks if they were made here, else from the repository's release of
networks; each is checked.  The archives hold the same bytes whenever the files in them do.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from snode import __version__, pretrained

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "_build"
TARGET = BUILD / "release"
PDF, SITE, STUDENT = BUILD / "standalone-neural-odes.pdf", BUILD / "html", BUILD / "student"
NETWORKS = BUILD / "networks"


def pack(path, files):
    """Write a zip of {name inside: file}, in order, with one fixed time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, file in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{path.stem}/{name}")  # its time is 1980-01-01
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, file.read_bytes())


def tracked():
    """Return the repository, the notebooks with their outputs among it, {name: file}."""
    listing = ["git", "ls-files", "-z"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name: ROOT / name for name in names.split("\0") if name}


def below(folder):
    """Return the files below a folder, {name: file}."""
    return {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}


def copy_networks():
    """Copy the trained networks, each checked by its sha256, and the list of them."""
    if any(NETWORKS.glob("*.npz")):
        os.environ.setdefault("SNODE_NETWORKS", str(NETWORKS))
    for name in pretrained.known():
        shutil.copyfile(pretrained.fetch(name), TARGET / f"{name}.npz")
    shutil.copyfile(pretrained.REGISTRY, TARGET / "networks.json")


def main():
    for path, command in ((PDF, "make pdf"), (SITE / "index.html", "make html")):
        if not path.is_file():
            sys.exit(f"{path} is missing: run {command} first")
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    stem = f"standalone-neural-odes-{__version__}"
    shutil.copyfile(PDF, TARGET / f"{stem}.pdf")
    pack(TARGET / f"{stem}-notebooks.zip", tracked())
    pack(TARGET / f"{stem}-site.zip", below(SITE))
    if STUDENT.is_dir():
        pack(TARGET / f"{stem}-student.zip", below(STUDENT))
    try:
        copy_networks()
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    files = sorted(TARGET.iterdir())
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (TARGET / "SHA256SUMS").write_text("".join(sums))
    for path in files:
        print(f"{path.stat().st_size / 1e6:7.1f} MB  {path.name}")
    print(f"The release: {TARGET}")


if __name__ == "__main__":
    main()
