"""How long a page of the module list takes: python benchmarks/module_list.py [--modules 1000] [--repeats 20]

Makes the modules in a hub of its own (a temporary data folder with the embedded PostgreSQL), asks for pages through
Django's whole request path without a network, and prints the median and the slowest in milliseconds and the queries of each.
"""

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DATA = Path(tempfile.mkdtemp(prefix="lora-hub-bench-"))
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "hub.settings",
    "HUB_DATA": str(DATA),
    "DATABASE_URL": "",
    "HUB_STATIC_HASHED": "0",
}
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django  # noqa: E402

TASKS = ["antonym", "synonym", "plural", "past-tense", "capitals", "currency", "sentiment", "colour"]
WORDS = [
    "word",
    "sentence",
    "question",
    "answer",
    "short",
    "long",
    "first",
    "last",
    "letter",
    "country",
    "city",
]
PAGES = {
    "list": "/modules/",
    "page 20": "/modules/?page=20",
    "two words": "/modules/?search=country+answer",
    "typo": "/modules/?search=sentimnet",
    "facets chosen": "/modules/?task=antonym&rank=8&search=wor",
    "by downloads": "/modules/?sort=downloads",
    "home": "/",
    "API list": "/api/v1/modules/",
    "API search": "/api/v1/modules/?search=country&sort=downloads",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--modules", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    from hub import embedded

    embedded.ensure_running(DATA)
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    make(arguments.modules)
    measure(arguments.repeats, arguments.modules)


def make(count: int) -> None:
    from hub.accounts.services import create_user
    from hub.registry.models import BaseModel, Module, Revision
    from hub.registry.services.search_index import refresh_search

    random.seed(0)
    owners = [create_user(f"user{i}").namespace for i in range(20)]
    bases = [
        BaseModel.objects.create(
            model_id=f"org/base-{i}",
            architecture="causal",
            fingerprint="0",
            layers={},
            parameters=1,
            context_length=1,
            folder="/",
        )
        for i in range(3)
    ]
    for number in range(count):
        task, base = random.choice(TASKS), random.choice(bases)
        module = Module.objects.create(
            namespace=random.choice(owners),
            name=f"{task}-{number}",
            base_model=base,
            base_model_label=base.model_id,
            summary=" ".join(random.choices(WORDS, k=9)),
            task=task,
            tags=random.sample(WORDS, 3),
            languages=["en"],
            license=random.choice(["mit", "apache-2.0", "cc-by-4.0"]),
            dataset=f"data-{number % 40}",
            downloads=random.randint(0, 5000),
        )
        module.head = Revision.objects.create(
            module=module,
            commit=f"{number:040x}",
            number=1,
            card="# Card\n" + " ".join(random.choices(WORDS, k=200)),
            peft_type="LORA",
            rank=random.choice([4, 8, 16]),
            alpha=16,
            targets=["q_proj", "v_proj"],
            parameters=460_800,
            dtype="BF16",
            size=940_000,
            composable=True,
        )
        module.save()
        refresh_search(module)


def measure(repeats: int, modules: int) -> None:
    from django.db import connection
    from django.test import Client

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = Client(headers={"host": "localhost"})
    print(f"{modules} modules, {repeats} requests each")
    for name, path in PAGES.items():
        client.get(path)
        queries: list[str] = []
        with connection.execute_wrapper(_noting(queries)):
            response = client.get(path)
        assert response.status_code == 200, (path, response.status_code)
        seconds = []
        for _ in range(repeats):
            started = time.perf_counter()
            client.get(path)
            seconds.append(time.perf_counter() - started)
        middle, worst = statistics.median(seconds) * 1000, max(seconds) * 1000
        size = len(response.content) / 1000
        print(
            f"{name:15} {middle:6.1f} ms median {worst:6.1f} slowest {len(queries):3} queries {size:6.1f} kB"
        )


def _noting(queries: list[str]) -> Callable[..., Any]:
    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        queries.append(sql)
        return execute(sql, *rest)

    return note


if __name__ == "__main__":
    try:
        main()
    finally:
        from hub import embedded

        embedded.stop(DATA)
        shutil.rmtree(DATA, ignore_errors=True)
