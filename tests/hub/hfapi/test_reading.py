"""What the clients cannot show: headers, odd requests, and what a request costs."""

import pytest
from django.core.files.storage import default_storage

from hub.hfapi import rates
from hub.registry.models import Blob, Module
from hub.registry.services import create_ref, yank_revision
from tests.hub.hfapi.conftest import refused

WEIGHTS = "/alice/opposites/resolve/main/adapter_model.safetensors"


def test_a_head_reads_no_file(client, module):
    blob = Blob.objects.get(files__path="adapter_model.safetensors")
    default_storage.delete(blob.storage_name)
    answer = client.head(WEIGHTS)
    assert answer.status_code == 200
    assert (answer["X-Linked-Etag"], answer["X-Linked-Size"]) == (f'"{blob.sha256}"', str(blob.size))
    assert client.get(WEIGHTS).status_code == 503


@pytest.mark.parametrize(
    "path", ["/api/agent-harnesses", "/api/models/a/b/discussions", "/api/collections", "/api/x"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_unknown_addresses_are_404_in_json(client, db, path, method):
    refused(getattr(client, method)(path), 404, "not_found")


def test_what_is_missing_is_said_by_headers(client, module):
    for path, code in [
        ("/api/models/alice/nothing", "RepoNotFound"),
        ("/api/models/alice/opposites/revision/nothing", "RevisionNotFound"),
        ("/alice/opposites/resolve/nothing/README.md", "RevisionNotFound"),
        ("/alice/opposites/resolve/main/nothing.md", "EntryNotFound"),
        ("/datasets/alice/opposites/resolve/main/README.md", "RepoNotFound"),
        ("/api/spaces/alice/opposites", "RepoNotFound"),
    ]:
        assert client.get(path)["X-Error-Code"] == code
        assert client.head(path).content == b""
    assert client.get("/alice/opposites/resolve/main/nothing.md")["X-Repo-Commit"] == module.head.commit


def test_refs_with_slashes(client, module, alice, program):
    for name in ("feature", "feature/a", "feature/a/b"):
        create_ref(user=alice, module=module, kind="branch", name=name)
    for ref in ("feature%2Fa", "feature/a/b", "refs%2Fheads%2Ffeature%2Fa", "main"):
        assert client.head(f"/alice/opposites/resolve/{ref}/README.md").status_code == 200
        assert client.get(f"/api/models/alice/opposites/tree/{ref}").status_code == 200
        assert client.get(f"/api/models/alice/opposites/revision/{ref}").status_code == 200
    refused(client.get("/api/models/alice/opposites/tree/refs%2Fpr%2F1"), 404, "unknown_revision")


def test_a_yanked_revision_warns(client, module, alice):
    yank_revision(user=alice, revision=module.head, reason="It was trained on the wrong rows.")
    for path in (WEIGHTS, "/api/models/alice/opposites", "/api/models/alice/opposites/tree/main"):
        assert "wrong rows" in client.head(path)["X-HF-Warning"]


def test_requests_are_counted(client, module, settings, monkeypatch):
    monkeypatch.setattr(rates, "_windows", {})
    settings.HF_REQUESTS = 2
    answers = [client.get("/api/models/alice/opposites") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0]["RateLimit"].startswith('"api";r=1;t=')
    assert answers[0]["RateLimit-Policy"] == '"fixed window";"api";q=2;w=300'
    assert int(answers[2]["Retry-After"]) <= 300
    assert "X-Request-Id" in answers[2]


def test_the_request_id_comes_back(client, module):
    assert client.get("/api/models", headers={"X-Amzn-Trace-Id": "Root=1-2"})["X-Request-Id"] == "Root=1-2"


def test_a_list_costs_a_fixed_number_of_queries(
    client, publish, alice, base_model, django_assert_num_queries
):
    for name in ("a", "b", "c"):
        publish(alice, name)
    with django_assert_num_queries(1):
        assert len(client.get("/api/models").json()) == 3
    with django_assert_num_queries(2):
        assert client.get("/api/models?full=true").json()[0]["siblings"]


@pytest.mark.parametrize("query", ["limit=x", "cursor=-1", "num_parameters=many"])
def test_wrong_parameters(client, db, query):
    refused(client.get(f"/api/models?{query}"), 400, "bad_parameter")


def test_filters(client, publish, alice, base_model):
    publish(alice, "a", task="antonym")
    Module.objects.update(gate="auto")
    publish(alice, "b")
    names = {
        query: [item["id"][-1] for item in client.get(f"/api/models?{query}").json()]
        for query in (
            "pipeline_tag=antonym",
            "gated=true",
            "gated=false",
            "num_parameters=min:1,max:1K",
            "apps=x",
        )
    }
    assert names == {
        "pipeline_tag=antonym": ["a"],
        "gated=true": ["a"],
        "gated=false": ["b"],
        "num_parameters=min:1,max:1K": ["b", "a"],
        "apps=x": [],
    }


def test_a_base_model_keeps_its_name(program, alice, base_model):
    base_model.model_id = "alice/base"
    base_model.save()
    refused(program.create("base"), 403, "name_taken")


def test_pages_that_the_clients_print(client, module):
    for path in ("tree/main", f"commit/{module.head.commit}", "blob/main/README.md"):
        answer = client.get(f"/alice/opposites/{path}")
        assert answer.status_code == 200
        assert "opposites" in answer.content.decode()


def test_filters_and_orders_look_beyond_the_best_matches(client, alice, base_model, publish, monkeypatch):
    """The least used of the modules found are still found by their licence, and by their age."""
    from hub.registry import search
    from hub.registry.models import Module

    monkeypatch.setattr(search, "RANKED", 2)
    for number in range(4):
        publish(alice, f"word-{number}")
        licence = "apache-2.0" if number == 0 else "mit"
        Module.objects.filter(name=f"word-{number}").update(downloads=number, license=licence)

    def names(query):
        return [row["id"] for row in client.get(f"/api/models?search=word&{query}").json()]

    assert names("filter=license:apache-2.0") == ["alice/word-0"]
    assert names("sort=createdAt&direction=1") == [f"alice/word-{n}" for n in range(4)]
    assert sorted(names("")) == ["alice/word-2", "alice/word-3"]
