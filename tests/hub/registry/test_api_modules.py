"""/api/v1/modules/ and /api/v1/base-models/ over HTTP."""

import pytest

from hub.registry.models import Blob, File, Module, Revision
from tests.composer.adapter_folder import safetensors_bytes, tensors, write_adapter
from tests.composer.test_adapter_files_malformed import WEIGHTS
from tests.hub.registry.conftest import upload_form

MODULES = "/api/v1/modules/"
ONE = "/api/v1/modules/alice/opposites/"


def send(api, folder, path=MODULES, **fields):
    return api.post(path, upload_form(folder, **fields), format="multipart")


def test_create(alice_api, base_model, adapter):
    response = send(alice_api, adapter, summary="Opposites", tags=["a", "b,c"], visibility="public")
    body = response.json()
    assert response.status_code == 201
    assert body["full_name"] == "alice/opposites"
    assert (body["summary"], body["tags"], body["languages"]) == ("Opposites", ["a", "b", "c"], ["en", "de"])
    assert (body["base_model"], body["rank"], body["composable"], body["private"]) == (
        "tests/tiny",
        4,
        True,
        False,
    )
    assert {file["path"] for file in body["files"]} == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    weights = next(file for file in body["files"] if file["path"] == "adapter_model.safetensors")
    data = b"".join(alice_api.get(weights["url"]).streaming_content)
    assert data == (adapter / "adapter_model.safetensors").read_bytes()


@pytest.mark.parametrize("fields", [{"visibility": "private"}, {"private": "true"}])
def test_create_private(alice_api, charlie_api, api, base_model, adapter, fields):
    assert send(alice_api, adapter, **fields).json()["private"] is True
    assert alice_api.get(ONE).status_code == 200
    for stranger in (charlie_api, api):
        response = stranger.get(ONE)
        assert response.status_code == 404
        assert response.json()["code"] == "unknown_module"


def test_create_under_the_full_name(alice_api, bob, base_model, adapter):
    assert send(alice_api, adapter, name="alice/one").status_code == 201
    for name in ("bob/two", "nobody/two", "a/b/c"):
        response = send(alice_api, adapter, name=name)
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")


def test_create_without_a_token(api, base_model, adapter):
    assert send(api, adapter).status_code == 401
    assert Module.objects.count() == 0


def test_create_with_a_token_that_may_only_read(api_for, alice, base_model, adapter):
    response = send(api_for(alice, scope="read"), adapter)
    assert (response.status_code, response.json()["code"]) == (403, "read_only_token")


def test_name_taken(alice_api, module, adapter):
    response = send(alice_api, adapter, name="OPPOSITES")
    assert (response.status_code, response.json()["code"]) == (409, "name_taken")


def test_problems_by_field(alice_api, base_model, adapter):
    (adapter / "evil.py").write_text("x")
    response = send(alice_api, adapter, name="a b", languages="??")
    body = response.json()
    assert response.status_code == 400
    assert set(body["fields"]) == {"name", "files", "languages"}
    assert body["code"] == "bad_name"
    assert body["detail"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "x" * 500},
        {"name": "a\0b"},
        {"summary": "x" * 201},
        {"summary": "a\0b"},
        {"tags": ["x" * 50]},
        {"tags": ["t"] + [f"t{i}" for i in range(30)]},
        {"visibility": "secret"},
        {"prompt_template": "nothing"},
        {"base_model": "../../etc"},
        {"license": "a\nb"},
    ],
)
def test_wrong_fields(alice_api, base_model, adapter, fields):
    response = send(alice_api, adapter, **fields)
    body = response.json()
    assert response.status_code == 400
    assert next(iter(fields)) in body["fields"]
    assert Module.objects.count() == 0
    assert Blob.objects.count() == 0


def test_no_files(alice_api, base_model):
    for response in (
        alice_api.post(MODULES, {"name": "x"}, format="multipart"),
        alice_api.post(MODULES, {"name": "x", "files": "text"}, format="multipart"),
        alice_api.post(MODULES, {"name": "x", "files": ["a"]}, format="json"),
        alice_api.post(MODULES, "[]", content_type="application/json"),
        alice_api.post(MODULES, "{", content_type="application/json"),
        alice_api.post(MODULES, "nothing", content_type="multipart/form-data; boundary=x"),
        alice_api.post(MODULES, "nothing", content_type="multipart/form-data"),
    ):
        assert response.status_code == 400, response.content
        assert set(response.json()) >= {"code", "detail"}


@pytest.mark.parametrize("name", WEIGHTS)
def test_malformed_weights_leave_nothing_behind(alice_api, base_model, tmp_path, settings, name):
    weights, code = WEIGHTS[name]
    response = send(alice_api, write_adapter(tmp_path / "bad", weights=weights))
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert "files" in response.json()["fields"]
    assert (Module.objects.count(), Revision.objects.count(), File.objects.count(), Blob.objects.count()) == (
        0,
        0,
        0,
        0,
    )
    assert not [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]


def test_too_large(alice_api, base_model, adapter, settings):
    settings.HUB_UPLOAD_LIMIT = 1000
    response = send(alice_api, adapter)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_a_large_text_file(alice_api, base_model, adapter):
    (adapter / "README.md").write_bytes(b"x" * (2**20 + 1))
    response = send(alice_api, adapter)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_does_not_fit_base(alice_api, base_model, tmp_path):
    response = send(alice_api, write_adapter(tmp_path / "bad", weights=safetensors_bytes(tensors(width=16))))
    assert (response.status_code, response.json()["code"]) == (400, "does_not_fit_base")


def test_list_and_filters(api, module, private_module):
    body = api.get(MODULES).json()
    assert body["count"] == 1
    item = body["results"][0]
    assert item["full_name"] == "alice/opposites"
    assert item["url"].endswith("/alice/opposites")
    assert "card" not in item
    for query, count in (
        ("search=opposites", 1),
        ("search=oposites", 1),
        ("search=zzz", 0),
        ("base_model=tests/tiny", 1),
        ("base_model=other", 0),
        ("task=none", 0),
        ("composable=true", 1),
        ("author=alice", 1),
        ("sort=name&page_size=1", 1),
    ):
        assert api.get(f"{MODULES}?{query}").json()["count"] == count, query


@pytest.mark.parametrize(
    ("query", "status"), [("sort=up", 400), ("page=9", 404), ("page=x", 404), ("search=a%00b", 200)]
)
def test_wrong_queries(api, module, query, status):
    response = api.get(f"{MODULES}?{query}")
    assert response.status_code == status
    if status >= 400:
        assert set(response.json()) >= {"code", "detail"}


def test_pages(api, base_model, alice, publish):
    for number in range(5):
        publish(alice, f"m{number}")
    body = api.get(f"{MODULES}?page_size=2&page=2").json()
    assert (body["count"], len(body["results"])) == (5, 2)
    assert body["next"]
    assert body["previous"]


def test_list_is_lean(api, base_model, alice, publish, django_assert_num_queries):
    for number in range(5):
        publish(alice, f"m{number}")
    with django_assert_num_queries(2):
        api.get(MODULES)


def test_detail(api, module):
    body = api.get(ONE).json()
    assert body["card"].startswith("# Opposites")
    assert body["revisions"][0]["commit"] == body["revision"] == module.head.commit
    assert api.get(f"{ONE}?revision={module.head.commit[:8]}").status_code == 200
    assert api.get(f"{ONE}?revision=nothing").json()["code"] == "unknown_revision"


def test_patch(alice_api, module):
    response = alice_api.patch(ONE, {"summary": "New", "tags": ["a", "b"], "visibility": "private"})
    body = response.json()
    assert response.status_code == 200
    assert (body["summary"], body["tags"], body["private"], body["license"]) == (
        "New",
        ["a", "b"],
        True,
        "mit",
    )
    assert alice_api.patch(ONE, {"summary": "Newer"}).json()["private"] is True


@pytest.mark.parametrize(
    "data",
    [
        {"summary": "x" * 300},
        {"tags": 3},
        {"tags": [{"a": 1}]},
        {"languages": ["??"]},
        {"visibility": 1},
        {"summary": "a\0b"},
        ["x"],
    ],
)
def test_patch_with_wrong_values(alice_api, module, data):
    response = alice_api.patch(ONE, data)
    assert response.status_code == 400
    assert set(response.json()) >= {"code", "detail"}


def test_half_a_surrogate_pair(alice_api, module):
    response = alice_api.patch(ONE, '{"summary": "\\ud800"}', content_type="application/json")
    assert response.status_code == 400


def test_delete(alice_api, api, module, adapter):
    assert alice_api.delete(ONE).status_code == 204
    assert alice_api.get(ONE).status_code == 404
    assert alice_api.delete(ONE).status_code == 404
    assert send(alice_api, adapter).json()["code"] == "name_taken"


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_changes_by_others(method, api, charlie_api, module, private_module):
    assert getattr(api, method)(ONE).status_code == 401
    assert getattr(charlie_api, method)(ONE).status_code == 403
    assert getattr(charlie_api, method)("/api/v1/modules/alice/secret/").status_code == 404
    assert Module.objects.filter(deleted_at=None).count() == 2


def test_new_revision(alice_api, charlie_api, module, adapter):
    (adapter / "README.md").write_text("# Second")
    path = f"{ONE}revisions/"
    assert send(charlie_api, adapter, path).status_code == 403
    body = send(alice_api, adapter, path, message="Better").json()
    assert body["card"] == "# Second"
    assert [row["number"] for row in body["revisions"]] == [2, 1]
    assert body["license"] == "mit"


def test_parents_that_the_reader_may_not_see(api, base_model, alice, publish):
    secret = publish(alice, "hidden", private=True)
    publish(alice, "child", parents=[(secret, 0.5)])
    assert api.get("/api/v1/modules/alice/child/").json()["parents"] == [
        {"module": None, "revision": None, "weight": 0.5}
    ]


def test_base_models(api, base_model):
    body = api.get("/api/v1/base-models/").json()
    assert body["results"][0]["model_id"] == "tests/tiny"
    assert "folder" not in body["results"][0]


def test_schema_documents_the_endpoints(api, db):
    text = api.get("/api/v1/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).content.decode()
    for path in (
        "/api/v1/modules/",
        "/api/v1/modules/{owner}/{name}/",
        "/api/v1/base-models/",
        "multipart/form-data",
    ):
        assert path in text
