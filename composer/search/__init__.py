"""Ask-and-tell optimizers over the weights of the modules; numpy only, one file each.

    search = make_search("auto", count=20, budget=40, seed=0)
    while len(candidates := search.ask()):             # [population, n_modules]; empty when it is done
        objectives = search.tell(losses)               # of the candidates just asked, [population]

probe    every module alone in one generation, then a trust region on the best few ("auto")
cma      the same probes, then CMA-ES around them
ngopt    as published: nevergrad's NGOpt from zero
cobyla   what NGOpt is at small budgets: COBYLA from zero
random   uniform in the box, for comparison

With `parts` (modules cut by depth), probe and cma go on with a weight per part: candidates are [population, n_parts] then.

A search never asks for more than its budget. The same seed and the same losses give the same candidates, bit for bit, so
a search continues from its record by being asked and told again (composer.checkpoint).
"""

from composer.errors import SettingsError
from composer.search.base import Search
from composer.search.parts import Parts
from composer.settings import OPTIMIZERS, layer_groups_problem


def make_search(
    optimizer: str,
    *,
    count: int,
    budget: int,
    seed: int = 0,
    bound: float = 1.5,
    penalty: float = 0.05,
    parts: Parts | None = None,
) -> Search:
    """The named optimizer for `count` modules, or for their parts. Raises SettingsError if there is none of that name."""
    from composer.search.grouped import GroupedSearch
    from composer.search.probe import ProbeSearch
    from composer.search.zero import CobylaSearch, NgoptSearch, RandomSearch

    settings = {"count": count, "budget": budget, "seed": seed, "bound": bound, "penalty": penalty}
    if parts is not None and parts.groups > 1:
        if problem := layer_groups_problem("auto", optimizer, parts.groups):
            raise SettingsError(problem, code="bad_layer_groups")
        del settings["count"]
        return GroupedSearch(parts=parts, **settings, inner="cma" if optimizer == "cma" else "cobyla")  # type: ignore[arg-type]
    if optimizer in ("auto", "probe"):
        return ProbeSearch(**settings)  # type: ignore[arg-type]
    if optimizer == "cma":
        return ProbeSearch(**settings, inner="cma")  # type: ignore[arg-type]
    if optimizer == "ngopt":
        return NgoptSearch(**settings)  # type: ignore[arg-type]
    if optimizer == "cobyla":
        return CobylaSearch(**settings)  # type: ignore[arg-type]
    if optimizer == "random":
        return RandomSearch(**settings)  # type: ignore[arg-type]
    raise SettingsError(f"the optimizer must be one of {', '.join(OPTIMIZERS)}, not {optimizer!r}")
