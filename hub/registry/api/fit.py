"""modules/fit/: which modules may help with my examples? Answered from what they say; nothing is run, no torch."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from composer.errors import ExampleError
from composer.examples import Example, check_examples
from hub.api import ApiError, MayAsk
from hub.registry.api import serializers
from hub.registry.api.representation import COLUMNS, OTHERS, item
from hub.registry.api.views import ERRORS, RegistryView
from hub.registry.models import Module
from hub.registry.services import find_base_model, rank_modules


class FitView(RegistryView):
    permission_classes = [MayAsk]

    @extend_schema(
        operation_id="modules_fit",
        request=serializers.FitRequestSerializer,
        responses={200: serializers.FitSerializer, **ERRORS},
    )
    def post(self, request: Request) -> Response:
        """Which modules may help with these examples: at most 200, the likeliest first; a composition tries these."""
        form = serializers.FitRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        base_model = None
        if "\0" not in form.validated_data["base_model"]:
            base_model = find_base_model(form.validated_data["base_model"])
        if base_model is None:
            name = ascii(form.validated_data["base_model"])[1:-1]
            raise ApiError("unknown_base", f"This hub has no base model {name}; see base-models/.")
        examples = [Example(**row) for row in form.validated_data["examples"]]
        try:
            check_examples(examples, maximum=serializers.MAX_FIT_EXAMPLES)
        except ExampleError as error:
            sentence = str(error)
            raise ApiError(error.code, f"{sentence[:1].upper()}{sentence[1:]}.") from error
        found = rank_modules(base_model, request.user, examples)
        ids = [candidate.revision.module_id for candidate in found]
        columns = ("pk", *COLUMNS, *OTHERS.values())
        rows = {row["pk"]: row for row in Module.objects.filter(pk__in=ids).values(*columns)}
        by_meaning = any(candidate.similarity is not None for candidate in found)
        return Response(
            {
                "ranked_by": "meaning and words" if by_meaning else "words",
                "results": [
                    item(rows[candidate.revision.module_id], request)
                    | {"score": round(candidate.score, 4), "similarity": _rounded(candidate.similarity)}
                    for candidate in found
                ],
            }
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
