"""What a list of the REST API costs, beside the plain ways to make it: python -m benchmarks.api_lists [--rounds 30]

100 modules of 1,000 and 100 jobs with 100 KB of results, through Django's whole request path without a network. All ways run
in turn, round after round, so that a busy machine slows all of them; figures are medians in milliseconds; the floor is the
same columns as rows of the database, written as JSON, without a request. Writes benchmarks/results/api_lists.json.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.module_list import DATA, make

RESULT = Path(__file__).parent / "results" / "api_lists.json"
JOBS, ROWS = 100, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    import django

    from hub import embedded

    embedded.ensure_running(DATA)
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    make(1000)
    try:
        figures = _measure(_ways(_jobs()), rounds)
    finally:
        embedded.stop(DATA)
        shutil.rmtree(DATA, ignore_errors=True)
    for name, value in figures.items():
        print(f"{name:32} {value:8.2f}")
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")


def _jobs() -> Any:
    from hub.accounts.services import create_user
    from hub.jobs.models import Job
    from hub.registry.models import BaseModel

    user = create_user("composer")
    layers = {f"model.layers.{i}.q_proj": [1024, 1024] for i in range(400)}
    base = BaseModel.objects.create(
        model_id="b", architecture="causal", layers=layers, parameters=1, context_length=1, folder="/"
    )
    settings = {
        "method": "auto",
        "optimizer": "auto",
        "budget": 40,
        "bound": 1.5,
        "penalty": 0.05,
        "rank": 16,
    }
    rows = [{"input": "a" * 200, "output": "b" * 20}] * 60
    result = {"arms": [{"answers": ["word " * 20] * 1000}]}
    for _ in range(JOBS):
        Job.objects.create(
            owner=user,
            namespace=user.namespace,
            base_model=base,
            examples=rows,
            holdout=rows,
            result=result,
            prompt_template="auto",
            **settings,
        )
    return user


def _ways(user: Any) -> dict[str, Callable[[], object]]:
    from rest_framework import serializers
    from rest_framework.test import APIClient

    from hub.jobs.models import Job
    from hub.jobs.serializers import JobSerializer
    from hub.registry.api.representation import lean_items
    from hub.registry.models import Module

    class Naive(serializers.ModelSerializer[Module]):
        owner = serializers.CharField(source="namespace.name")
        rank = serializers.IntegerField(source="head.rank")
        commit = serializers.CharField(source="head.commit")
        peft_type = serializers.CharField(source="head.peft_type")

        class Meta:
            model = Module
            exclude = ("namespace", "head", "search_vector")

    client = APIClient()
    client.force_authenticate(user)

    def get(path: str) -> Callable[[], object]:
        def ask() -> object:
            answer = client.get(path, SERVER_NAME="localhost")
            assert answer.status_code == 200, answer.content
            return answer

        return ask

    def naive(joined: bool) -> object:
        rows = Module.objects.visible_to(user).order_by("-created_at", "-pk")
        rows = rows.select_related("namespace", "head") if joined else rows
        return json.dumps(Naive(rows[:ROWS], many=True).data, default=str)

    def whole_jobs() -> object:
        rows = Job.objects.visible_to(user).select_related(
            "base_model", "namespace", "output__module__namespace"
        )
        return json.dumps(JobSerializer(rows[:ROWS], many=True).data, default=str)

    def floor() -> object:
        rows = lean_items(Module.objects.visible_to(user).order_by("-created_at", "-pk"))
        return json.dumps(list(rows[:ROWS]), default=str)

    def jobs_floor() -> object:
        names = (
            "pk",
            "status",
            "method",
            "optimizer",
            "budget",
            "seed",
            "created_at",
            "base_model__model_id",
        )
        return json.dumps(list(Job.objects.visible_to(user).values(*names)[:ROWS]), default=str)

    return {
        "modules, ours": get("/api/v1/modules/?limit=100"),
        "modules, nested serializers": lambda: naive(joined=False),
        "modules, the same, joined": lambda: naive(joined=True),
        "modules, floor": floor,
        "jobs, ours": get("/api/v1/jobs/?limit=100"),
        "jobs, whole rows": whole_jobs,
        "jobs, floor": jobs_floor,
    }


def _measure(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:  # the first fills caches
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: round(statistics.median(found), 2) for name, found in times.items()}


if __name__ == "__main__":
    main()
