"""Every module's own colour: one of the 24 thread hues of static/css/site.css (classes hue-0 to hue-23)."""

from typing import Any

HUES = 24
STEP = 7  # coprime to 24: neighbours in time get hues 105 degrees apart, and all 24 occur


def thread_hue(module: Any) -> int:
    """0 to 23, from the module's id; it never changes. module: a Module or its primary key."""
    return int(getattr(module, "pk", module)) * STEP % HUES


def thread_color(module: Any) -> str:
    """The class that sets --thread to the module's colour, in dark and light."""
    return f"hue-{thread_hue(module)}"
