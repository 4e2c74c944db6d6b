"""Files that ship inside installed packages, found without importing the package."""

from importlib.util import find_spec
from pathlib import Path


def package_folder(name: str) -> Path:
    """Folder of the installed top-level package ``name``; RuntimeError when it is not installed."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"The package {name} is not installed; install requirements.txt again.")
    return Path(spec.origin).parent
