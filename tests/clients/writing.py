"""Every writing call, as alice: create, fill by commits, branch, tag, change, delete; and what must be refused."""

import hashlib
import io
import os
import tempfile
from pathlib import Path

import huggingface_hub as hf
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi, ModelCard
from huggingface_hub.utils import (
    BadRequestError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.clients.checks import ENDPOINT, check, raises, run_all

ADAPTER = Path(
    os.environ["ADAPTER"]
)  # README.md, adapter_config.json, adapter_model.safetensors of about 3 MB
VERSION = hf.__version__
V0 = VERSION.startswith("0.")
ME = "v" + VERSION.replace(".", "-")
api = HfApi()
REPO = f"alice/{ME}"
WEIGHTS = "adapter_model.safetensors"


def text(repo, path, revision=None):
    return Path(hf.hf_hub_download(repo, path, revision=revision)).read_text()


@check
def create():
    url = api.create_repo(REPO)
    assert url == f"{ENDPOINT}/{REPO}" and url.repo_id == REPO
    assert api.create_repo(REPO, exist_ok=True).repo_id == REPO
    conflict = raises(HfHubHTTPError, api.create_repo, REPO)
    assert conflict.response.status_code == 409
    assert api.create_repo(f"{ME}-private", private=True).repo_id == f"alice/{ME}-private"
    assert api.model_info(f"alice/{ME}-private").private is True
    raises(HfHubHTTPError, api.create_repo, "bob/mine")
    raises(HfHubHTTPError, api.create_repo, f"{ME}-data", repo_type="dataset")
    assert f"alice/{ME}" not in [m.id for m in api.list_models()]


@check
def fill_a_draft_by_single_files():
    api.upload_file(path_or_fileobj=ADAPTER / "README.md", path_in_repo="README.md", repo_id=REPO)
    assert REPO not in [m.id for m in api.list_models()]
    api.upload_file(
        path_or_fileobj=str(ADAPTER / "adapter_config.json"), path_in_repo="adapter_config.json", repo_id=REPO
    )
    done = api.upload_file(
        path_or_fileobj=str(ADAPTER / WEIGHTS),
        path_in_repo=WEIGHTS,
        repo_id=REPO,
        commit_message="Weights\n\nAll of them",
    )
    assert REPO in [m.id for m in api.list_models()]
    sha = hashlib.sha256((ADAPTER / WEIGHTS).read_bytes()).hexdigest()
    assert hf.get_hf_file_metadata(hf.hf_hub_url(REPO, WEIGHTS)).etag == sha
    assert Path(hf.hf_hub_download(REPO, WEIGHTS)).read_bytes() == (ADAPTER / WEIGHTS).read_bytes()
    [newest, *_] = api.list_repo_commits(REPO)
    assert newest.title == "Weights" and done


@check
def upload_folder_at_once():
    repo = f"alice/{ME}-folder"
    api.create_repo(repo)
    done = api.upload_folder(folder_path=ADAPTER, repo_id=repo, commit_message="All at once")
    assert done.oid == api.model_info(repo).sha
    again = api.upload_folder(folder_path=ADAPTER, repo_id=repo)
    assert again.oid == done.oid and len(api.list_repo_commits(repo)) == 2
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "notes").mkdir()
        (Path(folder) / "notes/a.txt").write_text("A")
        (Path(folder) / "empty.txt").write_text("")
        api.upload_folder(folder_path=folder, repo_id=repo, delete_patterns="*.md")
    assert sorted(api.list_repo_files(repo)) == ["adapter_config.json", WEIGHTS, "empty.txt", "notes/a.txt"]
    assert text(repo, "empty.txt") == ""


@check
def upload_of_bytes_by_lfs():
    """A file object always goes by LFS: this one has new bytes, of more than one part."""
    repo = f"alice/{ME}-lfs"
    api.create_repo(repo)
    data = Path(os.environ["OTHER"]).read_bytes()
    assert len(data) > 2_000_000
    operations = [
        CommitOperationAdd("adapter_config.json", (ADAPTER / "adapter_config.json").read_bytes()),
        CommitOperationAdd(WEIGHTS, io.BytesIO(data)),
    ]
    api.create_commit(repo, operations, commit_message="By LFS")
    assert Path(hf.hf_hub_download(repo, WEIGHTS)).read_bytes() == data


@check
def operations():
    before = api.model_info(REPO).sha
    done = api.create_commit(
        REPO,
        [
            CommitOperationAdd("notes/a.txt", b"a"),
            CommitOperationAdd("notes/b.txt", b"b"),
            CommitOperationCopy(WEIGHTS, "checkpoint-1/" + WEIGHTS),
        ],
        commit_message="Notes",
        commit_description="Two of them",
        parent_commit=before,
    )
    assert done.commit_url == f"{ENDPOINT}/{REPO}/commit/{done.oid}"
    assert api.list_repo_commits(REPO)[0].message == "Two of them"
    assert {"notes/a.txt", "checkpoint-1/" + WEIGHTS} <= set(api.list_repo_files(REPO))
    api.delete_file("notes/a.txt", REPO)
    api.create_commit(
        REPO,
        [CommitOperationDelete("notes/"), CommitOperationDelete("checkpoint-1/", is_folder=True)],
        commit_message="Gone",
    )
    assert sorted(api.list_repo_files(REPO)) == ["README.md", "adapter_config.json", WEIGHTS]
    raises(EntryNotFoundError, api.delete_file, "nothing.txt", REPO)
    stale = raises(
        HfHubHTTPError,
        api.create_commit,
        REPO,
        [CommitOperationAdd("x.txt", b"x")],
        commit_message="x",
        parent_commit=before,
    )
    assert stale.response.status_code == 412


@check
def branches_and_tags():
    api.create_branch(REPO, branch="next")
    api.create_branch(REPO, branch="next", exist_ok=True)
    assert raises(HfHubHTTPError, api.create_branch, REPO, branch="next").response.status_code == 409
    main = api.model_info(REPO).sha
    api.upload_file(path_or_fileobj=b"new", path_in_repo="new.txt", repo_id=REPO, revision="next")
    assert api.model_info(REPO).sha == main != api.model_info(REPO, revision="next").sha
    assert text(REPO, "new.txt", "next") == "new"
    api.create_branch(REPO, branch="feature/x", revision=main)
    api.upload_file(path_or_fileobj=b"x", path_in_repo="sub/x.txt", repo_id=REPO, revision="feature/x")
    assert text(REPO, "sub/x.txt", "feature/x") == "x"
    assert [i.path for i in api.list_repo_tree(REPO, "sub", revision="feature/x")] == ["sub/x.txt"]
    api.create_tag(REPO, tag="v1", tag_message="The first", revision="next")
    api.create_tag(REPO, tag="v1", exist_ok=True)
    assert text(REPO, "new.txt", "v1") == "new"
    found = api.list_repo_refs(REPO)
    assert [b.name for b in found.branches] == ["main", "feature/x", "next"] and [
        t.name for t in found.tags
    ] == ["v1"]
    raises(
        HfHubHTTPError,
        api.upload_file,
        path_or_fileobj=b"x",
        path_in_repo="x.txt",
        repo_id=REPO,
        revision="v1",
    )
    api.delete_branch(REPO, branch="next")
    api.delete_tag(REPO, tag="v1")
    raises(RevisionNotFoundError, api.delete_tag, REPO, tag="v1")
    raises(HfHubHTTPError, api.delete_branch, REPO, branch="main")
    raises(RevisionNotFoundError, api.create_branch, REPO, branch="y", revision="nothing")
    raises(
        RevisionNotFoundError,
        api.upload_file,
        path_or_fileobj=b"x",
        path_in_repo="x.txt",
        repo_id=REPO,
        revision="nothing",
    )


@check
def cards():
    card = ModelCard("---\nlicense: apache-2.0\ntags:\n- pushed\n---\n# Pushed\n")
    if VERSION.startswith("2."):
        card.push_to_hub(REPO)
    else:  # before 2.0 push_to_hub asks huggingface.co whether the card is valid, wherever the card goes
        api.upload_file(path_or_fileobj=str(card).encode(), path_in_repo="README.md", repo_id=REPO)
    assert api.model_info(REPO).card_data.license == "apache-2.0"
    assert "pushed" in api.model_info(REPO).tags
    bad = b"---\nlicense: [mit\n---\n# Bad\n"
    refusal = raises(
        (ValueError, BadRequestError),
        api.upload_file,
        path_or_fileobj=bad,
        path_in_repo="README.md",
        repo_id=REPO,
    )
    assert "YAML" in str(refusal)
    assert ModelCard.load(REPO).data.license == "apache-2.0"


@check
def settings():
    if V0:
        api.update_repo_settings(REPO, private=True)
    else:
        api.update_repo_settings(
            REPO, visibility="private"
        ) if "visibility" in api.update_repo_settings.__annotations__ else api.update_repo_settings(
            REPO, private=True
        )
    assert api.model_info(REPO).private is True
    raises(RepositoryNotFoundError, HfApi(token=False).model_info, REPO)
    raises(RepositoryNotFoundError, HfApi(token=os.environ["BOB"]).model_info, REPO)


@check
def move():
    old, new = f"alice/{ME}-lfs", f"alice/{ME}-moved"
    api.move_repo(old, new)
    assert api.model_info(old).id == new
    assert "adapter_config.json" in hf.hf_hub_download(old, "adapter_config.json")
    raises(HfHubHTTPError, api.create_repo, old)
    raises(HfHubHTTPError, api.move_repo, new, "bob/mine")
    raises(RepositoryNotFoundError, api.upload_file, path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=old)
    api.move_repo(new, old)
    assert api.model_info(new).id == old


@check
def gates():
    repo, bob = f"alice/{ME}-lfs", HfApi(token=os.environ["BOB"])

    def fetch(user):  # what is in a cache would do
        with tempfile.TemporaryDirectory() as cache:
            return user.hf_hub_download(repo, "adapter_config.json", cache_dir=cache)

    api.update_repo_settings(repo, gated="manual")
    assert bob.model_info(repo).gated == "manual"
    raises(GatedRepoError, fetch, bob)
    raises(GatedRepoError, fetch, HfApi(token=False))
    raises(GatedRepoError, bob.auth_check, repo)
    assert list(api.list_pending_access_requests(repo)) == []
    api.grant_access(repo, "bob")
    assert [r.username for r in api.list_accepted_access_requests(repo)] == ["bob"]
    assert fetch(bob)
    api.reject_access_request(repo, "bob", rejection_reason=None)
    assert [r.username for r in api.list_rejected_access_requests(repo)] == ["bob"]
    raises(GatedRepoError, fetch, bob)
    api.update_repo_settings(repo, gated=False)
    assert fetch(bob)


def refused(operations, words, repo=REPO):
    before = api.model_info(repo).sha
    error = raises(HfHubHTTPError, api.create_commit, repo, operations, commit_message="Bad")
    assert all(word in str(error) for word in words), str(error)
    assert api.model_info(repo).sha == before


@check
def broken_files_are_refused_with_the_reason():
    refused([CommitOperationAdd("adapter_config.json", b'{"peft_type": "LORA", "r": -1}')], ["r is -1"])
    refused([CommitOperationAdd("adapter_config.json", b"{not json")], ["adapter_config.json"])
    refused(
        [CommitOperationAdd(WEIGHTS, (ADAPTER / WEIGHTS).read_bytes()[:-7])], ["ends before its last tensor"]
    )
    refused([CommitOperationAdd("adapter_model.bin", b"\x80\x04")], ["pickle"])
    refused([CommitOperationAdd("README.txt", b"\x80\x04\x95abc")], ["pickle"])
    refused([CommitOperationAdd("all.zip", b"PK\x03\x04")], ["archive"])
    refused([CommitOperationAdd("model.safetensors", (ADAPTER / WEIGHTS).read_bytes())], ["whole model"])
    refused([CommitOperationAdd("a/b/c/d/e.txt", b"x")], ["file name"])
    refused([CommitOperationDelete(WEIGHTS)], ["must stay a complete adapter"])
    refused(
        [CommitOperationAdd("notes.txt", b"x"), CommitOperationAdd("notes.txt/x.txt", b"x")], ["file name"]
    )


@check
def strangers():
    bob = HfApi(token=os.environ["BOB"])
    public = f"alice/{ME}-lfs"
    forbidden = raises(
        HfHubHTTPError, bob.upload_file, path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=public
    )
    assert forbidden.response.status_code == 403
    raises(RepositoryNotFoundError, bob.upload_file, path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=REPO)
    raises(HfHubHTTPError, bob.delete_repo, public)
    raises(HfHubHTTPError, bob.create_tag, public, tag="t")
    reader = HfApi(token=os.environ["READER"])
    assert raises(HfHubHTTPError, reader.create_repo, "x").response.status_code == 403
    assert raises(
        HfHubHTTPError, reader.upload_file, path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=public
    )
    raises(HfHubHTTPError, HfApi(token=False).create_repo, "x")


@check
def names_in_other_capitals():
    raises(
        RepositoryNotFoundError,
        api.upload_file,
        path_or_fileobj=b"x",
        path_in_repo="x.txt",
        repo_id=REPO.replace("alice", "Alice"),
    )


@check
def pull_requests_are_not_here():
    error = raises(
        HfHubHTTPError,
        api.upload_file,
        path_or_fileobj=b"x",
        path_in_repo="x.txt",
        repo_id=REPO,
        create_pr=True,
    )
    assert "pull request" in str(error)


@check
def delete():
    api.create_repo(f"{ME}-draft")
    api.delete_repo(f"alice/{ME}-draft")
    raises(RepositoryNotFoundError, api.model_info, f"alice/{ME}-draft")
    assert api.create_repo(f"{ME}-draft").repo_id == f"alice/{ME}-draft"
    api.delete_repo(f"alice/{ME}-draft")
    api.delete_repo(f"alice/{ME}-draft", missing_ok=True)
    raises(RepositoryNotFoundError, api.delete_repo, f"alice/{ME}-draft")
    api.delete_repo(f"alice/{ME}-folder")
    error = raises(HfHubHTTPError, api.create_repo, f"alice/{ME}-folder", exist_ok=True)
    assert "deleted" in str(error)


run_all()
