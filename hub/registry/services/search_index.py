"""What the search finds a module by. Called after every write to a module; weights A (name) to D (card)."""

import re
import unicodedata

from django.contrib.postgres.search import SearchVector
from django.db.models import Value

from hub.registry.models import Module, ModuleVector, SampleVector

CONFIG = "hub"  # english, with accents removed; made in the first migration
MAX_CARD = 50_000  # characters of the card that are indexed


def plain(text: str) -> str:
    """Lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def refresh_search(module: Module) -> None:
    """Write the module's search_vector and search_text from its present values. A worker makes its ModuleVector anew."""
    head = module.head
    name = f"{module.name} {re.sub(r'[-_.]+', ' ', module.name)} {module.namespace.name}"
    about = " ".join([module.summary, module.task.replace("_", " "), module.task, *module.tags])
    facts = " ".join(
        [
            module.base_model_name,
            module.dataset,
            module.license,
            *module.languages,
            head.peft_type if head else "",
        ]
    )
    vector = (
        SearchVector(Value(name), weight="A", config=CONFIG)
        + SearchVector(Value(about), weight="B", config=CONFIG)
        + SearchVector(Value(facts), weight="C", config=CONFIG)
        + SearchVector(Value((head.card if head else "")[:MAX_CARD]), weight="D", config=CONFIG)
    )
    Module.objects.filter(pk=module.pk).update(
        search_vector=vector, search_text=plain(f"{name} {about}")[:600]
    )
    ModuleVector.objects.filter(module=module).delete()
    SampleVector.objects.filter(module=module).delete()
