"""Who may import whom, and that the web never loads torch."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TORCH_FREE = {
    "composer",
    "composer.errors",
    "composer.examples",
    "composer.prompts",
    "composer.adapter_files",
    "composer.embed",
}
TORCH_FREE |= {
    "composer.memory",
    "composer.adapter_config",
    "composer.safetensors_file",
    "composer.strict_json",
}
APPS = {  # app -> apps of the hub it may import
    "accounts": set(),
    "registry": {"accounts"},
    "jobs": {"accounts", "registry"},
    "exports": {"accounts", "registry", "jobs"},
    "hfapi": {"accounts", "registry", "community"},
    "community": {"accounts", "registry"},
    "transfers": {"accounts", "registry"},
}
# Imported inside a task's body only.
LOADS_TORCH = {"hub.jobs.runner", "hub.jobs.warm", "hub.jobs.publish", "hub.exports.runner"}
HEAVY = {"torch", "transformers", "peft", "nevergrad", "accelerate", "safetensors.torch"}


def _modules(package: str) -> dict[str, ast.Module]:
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text())
    return found


def _imports(tree: ast.Module, *, whole_file: bool = True) -> set[str]:
    """Absolute names of what is imported; without function bodies unless whole_file."""
    found: set[str] = set()
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif whole_file or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo.extend(ast.iter_child_nodes(node))
    return found


HUB, COMPOSER = _modules("hub"), _modules("composer")


def test_the_library_knows_nothing_of_the_web():
    for name, tree in COMPOSER.items():
        outside = {found for found in _imports(tree) if found.split(".")[0] in ("hub", "django", "celery")}
        assert not outside, f"{name} imports {outside}"


def test_apps_import_in_one_direction():
    for name, tree in HUB.items():
        parts = name.split(".")
        if len(parts) < 3 or parts[1] not in APPS:
            continue
        used = {
            found.split(".")[1] for found in _imports(tree) if found.startswith("hub.") and found.count(".")
        }
        wrong = (used & set(APPS)) - APPS[parts[1]] - {parts[1]}
        assert not wrong, f"{name} imports {wrong}"


def test_the_site_uses_the_torch_free_half_of_the_library():
    for name, tree in HUB.items():
        if name in LOADS_TORCH:
            continue
        used = {found for found in _imports(tree, whole_file=False) if found.split(".")[0] == "composer"}
        heavy = {
            found
            for found in used
            if not any(found == free or found.startswith(f"{free}.") for free in TORCH_FREE)
        }
        heavy |= _imports(tree, whole_file=False) & HEAVY
        assert not heavy, f"{name} imports {heavy}"


def test_what_loads_torch_is_imported_inside_functions_only():
    for name, tree in HUB.items():
        if name not in LOADS_TORCH:
            assert not _imports(tree, whole_file=False) & LOADS_TORCH, name


@pytest.mark.parametrize("module", ["hub.urls", "hub.celery", "hub.prepare"])
def test_a_fresh_python_that_loads_the_site_has_no_torch(module):
    code = (
        "import sys, django; django.setup(); import importlib;"
        f"importlib.import_module({module!r});"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'peft', 'transformers', 'nevergrad'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize("package", ["hub", "composer"])
def test_files_stay_small(package):
    """Median 40 to 120 lines; split a file by noun when it grows past 400."""
    for name in HUB if package == "hub" else COMPOSER:
        path = ROOT.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if "migrations" not in path.parts:
            assert len(path.read_text().splitlines()) <= 400, path


def test_torch_is_told_to_sleep_before_it_is_loaded() -> None:
    """OpenMP reads its wait policy once, when torch loads it."""
    code = "import sys, composer.__main__, hub.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
