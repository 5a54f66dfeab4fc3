"""Every reading call, as a reader of alice/opposites (public, two commits, a tag) and alice/secret (private)."""

import os
import tempfile
from pathlib import Path

import huggingface_hub as hf
from huggingface_hub import HfApi, errors, hf_hub_download, snapshot_download
from huggingface_hub.utils import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.clients.checks import ENDPOINT, check, raises, run_all

REPO = "alice/opposites"
FIRST, SECOND = os.environ["COMMITS"].split()
V0 = hf.__version__.startswith("0.")
api = HfApi()
stranger = HfApi(token=False)


@check
def info():
    found = api.model_info(REPO)
    assert (found.id, found.sha, found.author) == (REPO, SECOND, "alice")
    assert found.created_at.year > 2000 and found.last_modified >= found.created_at
    assert {"peft", "lora", "license:mit", "words"} <= set(found.tags), found.tags
    assert found.library_name == "peft" and found.private is False and found.gated is False
    assert found.card_data.license == "mit" and found.card_data.base_model == "tests/tiny"
    assert found.safetensors.total == 128 and found.safetensors.parameters == {"F32": 128}
    assert sorted(s.rfilename for s in found.siblings) == sorted(FILES)


FILES = ["README.md", "adapter_config.json", "adapter_model.safetensors", "img/curve.png"]


@check
def info_with_files_metadata():
    found = {s.rfilename: s for s in api.model_info(REPO, files_metadata=True).siblings}
    assert found["adapter_model.safetensors"].lfs.sha256 == os.environ["WEIGHTS_SHA256"]
    assert len(found["README.md"].blob_id) == 40 and found["README.md"].size > 10


@check
def info_of_a_revision_and_expanded():
    assert api.model_info(REPO, revision=FIRST).sha == FIRST
    assert api.model_info(REPO, revision="v1.0").sha == FIRST
    assert api.model_info(REPO, revision="refs/tags/v1.0").sha == FIRST
    found = api.model_info(REPO, expand=["downloads", "tags"])
    assert found.downloads == 0 and found.tags and found.siblings is None


@check
def exists():
    assert api.repo_exists(REPO) and not api.repo_exists("alice/nothing")
    assert api.revision_exists(REPO, "v1.0") and not api.revision_exists(REPO, "v9.9")
    assert api.file_exists(REPO, "adapter_config.json") and not api.file_exists(REPO, "nothing.json")
    assert api.repo_info(REPO).id == REPO
    assert not api.repo_exists(REPO, repo_type="dataset") and not api.repo_exists(REPO, repo_type="space")


@check
def listing():
    everything = [m.id for m in api.list_models()]
    assert everything == ["alice/secret", "alice/second", REPO], everything  # the newest first
    assert {m.id for m in stranger.list_models()} == {"alice/second", REPO}
    assert [m.id for m in stranger.list_models(search="secon")] == ["alice/second"]
    assert {m.id for m in stranger.list_models(author="alice")} == {"alice/second", REPO}
    assert not list(api.list_models(author="nobody"))
    assert [m.id for m in api.list_models(filter=["lora", "words"], search="second")] == ["alice/second"]
    by_age = list(
        stranger.list_models(filter="license:mit", sort="createdAt" if V0 else "created_at", limit=1)
    )
    assert [m.id for m in by_age] == ["alice/second"]
    assert len(list(stranger.list_models(filter="base_model:tests/tiny"))) == 2
    assert not list(api.list_models(filter="nonsense"))
    [found] = api.list_models(search="second", full=True)
    assert sorted(s.rfilename for s in found.siblings) == sorted(FILES) and len(found.sha) == 40
    assert not list(api.list_datasets()) and not list(api.list_spaces())


@check
def listing_by_pages():
    import json
    import urllib.request

    with urllib.request.urlopen(f"{ENDPOINT}/api/models?limit=1&sort=downloads") as answer:
        [first] = json.load(answer)
        link = answer.headers["Link"]
    address = link.partition(">")[0][1:]
    assert address.startswith(ENDPOINT) and 'rel="next"' in link
    with urllib.request.urlopen(address) as answer:
        [second] = json.load(answer)
        assert answer.headers["Link"] is None
    assert first["id"] != second["id"]


@check
def tree():
    found = {item.path: item for item in api.list_repo_tree(REPO, recursive=True)}
    assert set(found) == {*FILES, "img"}
    weights = found["adapter_model.safetensors"]
    assert weights.lfs.sha256 == os.environ["WEIGHTS_SHA256"] and weights.size == weights.lfs.size
    assert found["README.md"].lfs is None and len(found["README.md"].blob_id) == 40
    assert {item.path for item in api.list_repo_tree(REPO)} == {"README.md", *FILES[1:3], "img"}
    assert [item.path for item in api.list_repo_tree(REPO, path_in_repo="img")] == ["img/curve.png"]
    raises(EntryNotFoundError, list, api.list_repo_tree(REPO, path_in_repo="nothing"))
    raises(RevisionNotFoundError, list, api.list_repo_tree(REPO, revision="nothing"))
    assert sorted(api.list_repo_files(REPO)) == sorted(FILES)


@check
def tree_expanded():
    found = {item.path: item for item in api.list_repo_tree(REPO, recursive=True, expand=True)}
    assert found["adapter_model.safetensors"].last_commit.oid == FIRST
    assert found["README.md"].last_commit.oid == SECOND
    assert found["README.md"].last_commit.title == "A better card"
    assert found["adapter_model.safetensors"].security.safe is True


@check
def paths_info():
    found = api.get_paths_info(REPO, ["README.md", "img", "nothing"])
    assert [item.path for item in found] == ["README.md", "img"]
    [found] = api.get_paths_info(REPO, "adapter_model.safetensors", expand=True, revision="v1.0")
    assert found.lfs.size == found.size and found.last_commit.oid == FIRST


@check
def refs_and_commits():
    found = api.list_repo_refs(REPO, include_pull_requests=True)
    assert [(r.name, r.ref, r.target_commit) for r in found.branches] == [("main", "refs/heads/main", SECOND)]
    assert [(r.name, r.target_commit) for r in found.tags] == [("v1.0", FIRST)]
    assert not found.pull_requests and not found.converts
    commits = api.list_repo_commits(REPO)
    assert [c.commit_id for c in commits] == [SECOND, FIRST]
    assert commits[0].title == "A better card" and commits[0].authors == ["alice"]
    assert api.list_repo_commits(REPO, revision="v1.0", formatted=True)[0].formatted_title


@check
def download():
    path = hf_hub_download(REPO, "adapter_config.json")
    assert Path(path).read_bytes()[:1] == b"{" and SECOND in path
    assert hf_hub_download(REPO, "adapter_config.json") == path
    assert FIRST in hf_hub_download(REPO, "README.md", revision="v1.0")
    assert Path(hf_hub_download(REPO, "curve.png", subfolder="img")).stat().st_size > 8
    meta = hf.get_hf_file_metadata(hf.hf_hub_url(REPO, "adapter_model.safetensors"))
    assert meta.commit_hash == SECOND and meta.etag == os.environ["WEIGHTS_SHA256"] and meta.size > 100


@check
def snapshot():
    folder = Path(snapshot_download(REPO))
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == sorted(FILES)
    assert folder.name == SECOND
    with tempfile.TemporaryDirectory() as local:
        snapshot_download(REPO, revision="v1.0", local_dir=local, allow_patterns="*.safetensors")
        assert (Path(local) / "adapter_model.safetensors").exists()


@check
def safetensors():
    found = api.parse_safetensors_file_metadata(REPO, "adapter_model.safetensors")
    assert sum(found.parameter_count.values()) == 128


@check
def file_system():
    fs = hf.HfFileSystem()
    assert fs.exists(f"{REPO}/README.md") and not fs.exists(f"{REPO}/nothing")
    assert "**opposite**" in fs.read_text(f"{REPO}@v1.0/README.md")
    assert f"{REPO}/img" in fs.ls(REPO, detail=False)


@check
def what_is_not_there():
    raises(RepositoryNotFoundError, api.model_info, "alice/nothing")
    raises(RepositoryNotFoundError, stranger.model_info, "alice/secret")
    raises(RepositoryNotFoundError, hf_hub_download, "alice/nothing", "x.json")
    raises(RevisionNotFoundError, api.model_info, REPO, revision="nothing")
    raises(RevisionNotFoundError, hf_hub_download, REPO, "README.md", revision="nothing")
    missing = raises(EntryNotFoundError, hf_hub_download, REPO, "nothing.json")
    assert "404" in str(missing)
    raises(EntryNotFoundError, hf_hub_download, REPO, "nothing.json")
    assert hf.try_to_load_from_cache(REPO, "nothing.json") is hf._CACHED_NO_EXIST


@check
def secret_of_its_owner():
    assert api.model_info("alice/secret").private is True
    assert hf_hub_download("alice/secret", "README.md")


@check
def draft_of_its_owner():
    found = api.model_info("alice/draft")
    assert found.siblings == [] and found.library_name is None
    assert list(api.list_repo_tree("alice/draft")) == []
    raises(RepositoryNotFoundError, stranger.model_info, "alice/draft")
    assert "alice/draft" not in [m.id for m in api.list_models()]


@check
def other_capitals_are_redirected():
    assert api.model_info("Alice/Opposites").id == REPO
    assert hf_hub_download("ALICE/opposites", "README.md")


@check
def base_model():
    found = api.model_info("tests/tiny-llama")
    assert found.library_name == "transformers" and "config.json" in [s.rfilename for s in found.siblings]
    assert Path(hf_hub_download("tests/tiny-llama", "config.json")).read_text().startswith("{")
    assert "model.safetensors" in api.list_repo_files("tests/tiny-llama")
    assert [r.name for r in api.list_repo_refs("tests/tiny-llama").branches] == ["main"]
    raises(EntryNotFoundError, hf_hub_download, "tests/tiny-llama", "nothing.json")
    raises(HfHubHTTPError, api.delete_repo, "tests/tiny-llama")


@check
def who_am_i():
    found = api.whoami()
    assert found["name"] == "alice" and found["type"] == "user" and found["orgs"] == []
    assert found["auth"]["accessToken"]["displayName"] == "laptop"
    bad = raises(OSError, api.whoami, token="hf_" + "x" * 34)
    assert "401" in str(bad) or "nvalid" in str(bad)
    if not V0:  # 0.x takes a bad token for a missing repository only on https
        raises(HfHubHTTPError, HfApi(token="hf_" + "x" * 34).model_info, REPO)


@check
def users_and_likes():
    assert api.get_user_overview("alice").username == "alice"
    liked = api.list_liked_repos("bob")
    assert (liked.total, list(liked.models)) == (1, [REPO])
    assert [person.username for person in api.list_repo_likers(REPO)] == ["bob"]
    assert api.model_info(REPO).likes == 1
    assert [m.id for m in api.list_models(sort="likes", limit=1)] == [REPO]
    assert api.list_liked_repos("alice").total == 0
    raises(HfHubHTTPError, api.unlike, REPO)  # by a token that only reads
    assert api.model_info(REPO).likes == 1
    raises(HfHubHTTPError, api.get_user_overview, "nobody-here")


@check
def access():
    api.auth_check(REPO)
    raises(RepositoryNotFoundError, stranger.auth_check, "alice/secret")
    assert errors.GatedRepoError


run_all()
