"""How long searches take on a large hub: python -m benchmarks.search [--modules 100000] [--repeats 40] [--out FILE]

Makes the modules in a hub of its own (a temporary data folder with the embedded PostgreSQL), asks for pages through Django's
whole request path without a network, and writes median and p99 in milliseconds. The floor is one `SELECT 1` and the empty
page of a search without a result.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

DATA = Path(tempfile.mkdtemp(prefix="lora-hub-bench-"))
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "hub.settings",
    "HUB_DATA": str(DATA),
    "DATABASE_URL": "",
    "HUB_STATIC_HASHED": "0",
    "HUB_API_REQUESTS": "10000000",
}

import django  # noqa: E402

TASKS = ["antonym", "synonym", "plural", "past-tense", "capitals", "currency", "sentiment", "colour"]
WORDS = ["word", "sentence", "question", "answer", "short", "long", "first", "last", "letter", "country"]
WORDS += ["city", "river", "number", "list", "rule"]
RARE = [f"{a}{b}{c}" for a in ("zor", "quil", "vex", "plon") for b in ("an", "ib", "uth") for c in range(300)]
# name -> (address, goal in ms at p99)
PAGES = {
    "nothing found (floor)": ("/modules/?search=nothinglikethis&type=NONE", None),
    "browse, newest": ("/modules/", 150),
    "browse, most downloaded": ("/modules/?sort=downloads", 150),
    "browse, page 40": ("/modules/?page=40", 150),
    "a rare word": ("/modules/?search=zoran7", 40),
    "a word of half the modules": ("/modules/?search=commonword", 100),
    "two words": ("/modules/?search=country+answer", 100),
    "a typo": ("/modules/?search=sentimnet", 150),
    "facets chosen": ("/modules/?task=antonym&rank=8", 150),
    "API, newest": ("/api/v1/modules/", 40),
    "API, most downloaded": ("/api/v1/modules/?sort=downloads", 40),
    "API, a rare word": ("/api/v1/modules/?search=zoran7", 40),
    "API, a word of half the modules": ("/api/v1/modules/?search=commonword", 100),
    "HF API, newest": ("/api/models?limit=20&sort=createdAt", 40),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--modules", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "search")
    options = parser.parse_args()
    from hub import embedded

    embedded.ensure_running(DATA, options=("shared_buffers=512MB",))
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    fill(options.modules)
    rows = measure(options.repeats)
    processor = next(
        (
            x.split(":")[1].strip()
            for x in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in x
        ),
        "",
    )
    summary: dict[str, Any] = {"modules": options.modules, "repeats": options.repeats, "pages": rows}
    summary |= {"machine": f"{os.cpu_count()} cores, {processor or platform.processor()}"}
    options.out.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n")
    options.out.with_suffix(".md").write_text(table(summary))
    print(table(summary))


def fill(count: int) -> None:
    """Modules with skewed words, tasks and downloads; half of them say `commonword`."""
    from django.db import connection

    from hub.accounts.services import create_user
    from hub.registry.models import BaseModel, Module, Revision

    random.seed(0)
    owners = [create_user(f"user{i}", f"user{i}@example.org", "a long password").namespace for i in range(50)]
    about = {"architecture": "causal", "fingerprint": "0", "layers": {}, "parameters": 1, "context_length": 1}
    bases = [BaseModel.objects.create(model_id=f"org/base-{i}", folder="/", **about) for i in range(8)]
    batch = 5000
    for start in range(0, count, batch):
        modules = [_module(number, owners, bases) for number in range(start, min(start + batch, count))]
        Module.objects.bulk_create(modules)
        revisions = [_revision(module, start + i) for i, module in enumerate(modules)]
        Revision.objects.bulk_create(revisions)
        for module, revision in zip(modules, revisions, strict=True):
            module.head = revision
        Module.objects.bulk_update(modules, ["head"], batch_size=1000)
        print(f"{start + len(modules):,} modules", file=sys.stderr)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE registry_module m SET search_text = lower(m.name || ' ' || m.summary || ' ' || m.task), search_vector = "
            "setweight(to_tsvector('hub', m.name), 'A') || setweight(to_tsvector('hub', m.summary || ' ' || m.task), 'B') || "
            "setweight(to_tsvector('hub', m.base_model_label), 'C') || setweight(to_tsvector('hub', r.card), 'D') "
            "FROM registry_revision r WHERE r.id = m.head_id"
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _module(number: int, owners: list[Any], bases: list[Any]) -> Any:
    from hub.registry.models import Module

    task = TASKS[min(int(random.expovariate(0.5)), len(TASKS) - 1)]
    base = bases[min(int(random.expovariate(0.7)), len(bases) - 1)]
    common = "commonword " if number % 2 else ""
    return Module(
        namespace=owners[number % len(owners)],
        name=f"{task}-{number}",
        base_model=base,
        base_model_label=base.model_id,
        summary=f"{common}{' '.join(random.choices(WORDS, k=6))} {random.choice(RARE)}",
        task=task,
        tags=random.sample(WORDS, 3),
        languages=random.choice([["en"], ["en"], ["de"], ["en", "fr"]]),
        license=random.choice(["mit", "apache-2.0", "cc-by-4.0"]),
        dataset=f"data-{number % 400}",
        downloads=int(random.paretovariate(1.1)) - 1,
        is_private=number % 50 == 0,
    )


def _revision(module: Any, number: int) -> Any:
    from hub.registry.models import Revision

    return Revision(
        module=module,
        commit=f"{number:040x}",
        number=1,
        card="# Card\n" + " ".join(random.choices(WORDS, k=60)),
        peft_type="LORA",
        rank=random.choice([4, 8, 8, 16, 64]),
        alpha=16,
        targets=["q_proj", "v_proj"],
        parameters=460_800,
        dtype="BF16",
        size=940_000,
        composable=True,
    )


def measure(repeats: int) -> list[dict[str, Any]]:
    from django.db import connection
    from django.test import Client

    client = Client(headers={"host": "localhost"})

    def select() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    rows = [{"page": "SELECT 1 (floor)", "goal": None} | _timed(select, repeats)]
    for name, (path, goal) in PAGES.items():
        response = client.get(path)
        assert response.status_code == 200, (path, response.status_code)
        rows.append({"page": name, "goal": goal} | _timed(lambda path=path: client.get(path), repeats))
        print(rows[-1], file=sys.stderr)
    return rows


def _timed(act: Any, repeats: int) -> dict[str, float]:
    for _ in range(3):
        act()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - began)
    ordered = sorted(seconds)
    worst = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {"median_ms": round(statistics.median(seconds) * 1000, 1), "p99_ms": round(worst * 1000, 1)}


def table(summary: dict[str, Any]) -> str:
    lines = [
        f"{summary['modules']:,} modules in the embedded PostgreSQL, {summary['repeats']} requests each, "
        f"{summary['machine']}.",
        "",
        "| page | median, ms | p99, ms | goal for p99, ms |",
        "|---|---:|---:|---:|",
    ]
    for row in summary["pages"]:
        lines.append(f"| {row['page']} | {row['median_ms']} | {row['p99_ms']} | {row['goal'] or '–'} |")
    return "\n".join([*lines, "", "`python -m benchmarks.search`"]) + "\n"


if __name__ == "__main__":
    try:
        main()
    finally:
        from hub import embedded

        embedded.stop(DATA)
        shutil.rmtree(DATA, ignore_errors=True)
