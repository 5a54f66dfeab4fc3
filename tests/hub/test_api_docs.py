"""The OpenAPI schema and the page for people."""

import pytest

pytestmark = pytest.mark.django_db


def test_the_schema_is_whole_and_says_how_to_sign_in(client):
    schema = client.get("/api/v1/schema/?format=json").json()
    assert schema["openapi"].startswith("3.")
    for path in ("modules/", "modules/{owner}/{name}/", "base-models/", "jobs/", "jobs/{job_id}/"):
        assert any(found.rstrip("/").endswith(path.rstrip("/")) for found in schema["paths"]), path
    assert schema["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert client.get("/api/v1/schema/").headers["Content-Type"].startswith("application/vnd.oai.openapi")


def test_making_the_schema_warns_of_nothing(capsys):
    from drf_spectacular.drainage import GENERATOR_STATS
    from drf_spectacular.generators import SchemaGenerator

    GENERATOR_STATS.reset()
    SchemaGenerator().get_schema(request=None, public=True)
    said = capsys.readouterr().err
    assert "Error" not in said, said


def test_the_page_shows_every_operation_without_a_script_or_another_host(client):
    schema = client.get("/api/v1/schema/?format=json").json()
    page = client.get("/api/v1/docs/").content.decode()
    for path, item in schema["paths"].items():
        assert path in page or path.startswith("/api/v1/schema")
        for method, operation in item.items():
            if method in ("get", "post", "patch", "put", "delete") and "schema" not in path:
                assert f'id="{operation["operationId"]}"' in page
    assert "<script>" not in page
    assert 'src="http' not in page


def test_a_page_without_its_slash_is_found_and_a_stranger_is_not(client):
    assert client.get("/signin").headers["Location"] == "/signin/"
    assert client.get("/nobody").status_code == 404
    assert client.get("/favicon.ico").headers["Location"].startswith("/static/favicon")
