"""The addresses below the one that xet-write-token gives. What is not here answers 404, and the clients do without it."""

from django.http import HttpRequest, JsonResponse

from hub.hfapi.bodies import receive, staging_folder
from hub.hfapi.endpoint import endpoint
from hub.hfapi.xet import store
from hub.hfapi.xet.formats import MAX_XORB
from hub.hfapi.xet.tokens import require_token

MAX_SHARD = 32 * 2**20  # bytes


@endpoint("POST", signed=True)
def xorb(request: HttpRequest, user: int, week: str, name: str) -> JsonResponse:
    owner = require_token(request, user, week)
    with staging_folder() as folder:
        receive(request, folder / "xorb", most=MAX_XORB)
        inserted = store.keep_xorb(owner, week, name, folder / "xorb")
    return JsonResponse({"was_inserted": inserted})


@endpoint("POST", signed=True)
def shard(request: HttpRequest, user: int, week: str) -> JsonResponse:
    owner = require_token(request, user, week)
    with staging_folder() as folder:
        receive(request, folder / "shard", most=MAX_SHARD)
        store.keep_files(owner, week, folder / "shard", folder)
    return JsonResponse({"result": 1})
