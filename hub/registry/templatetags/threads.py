"""Threads: {{ module|thread }} is the colour's class, {% thread_edge strands %} the woven edge of a card."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from hub.registry.colors import thread_color

register = template.Library()

PEFT_NAMES = {
    "LORA": "LoRA",
    "LOHA": "LoHa",
    "LOKR": "LoKr",
    "ADALORA": "AdaLoRA",
    "IA3": "(IA)³",
    "VERA": "VeRA",
}
HEIGHT, WIDTH, POINTS = 96, 12, 24  # of the drawing; it is stretched to the card's height


@register.filter
def thread(module: Any) -> str:
    return thread_color(module)


@register.simple_tag
def thread_edge(strands: Sequence[tuple[int, float]]) -> SafeString:
    """The card's left edge. strands: (module id, weight) of what it was woven from; one strand is drawn straight."""
    total = sum(abs(weight) for _, weight in strands) or 1.0
    paths = []
    for number, (module, weight) in enumerate(strands):
        width = 3.0 if len(strands) == 1 else max(1.0, 6.0 * abs(weight) / total)
        paths.append((thread_color(module), _path(number, len(strands)), f"{width:.1f}"))
    return format_html(
        '<svg class="card-threads" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>',
        WIDTH,
        HEIGHT,
        format_html_join(
            "", '<path class="thread {}" d="{}" stroke-width="{}" vector-effect="non-scaling-stroke"/>', paths
        ),
    )


@register.filter
def peft_name(peft_type: str) -> str:
    """LORA as people write it."""
    return PEFT_NAMES.get(peft_type, peft_type)


@register.filter
def metric_name(metric: str) -> str:
    """exact_match as exact match."""
    return metric.replace("_", " ")


@register.filter
def megabytes(size: int) -> str:
    """Bytes as people write them, 1 MB = 1,000,000 bytes."""
    for limit, unit, digits in ((1e9, "GB", 1), (1e6, "MB", 1), (1e3, "kB", 0)):
        if size >= limit:
            return f"{size / limit:.{digits}f} {unit}"
    return f"{size} bytes"


@register.filter
def count(number: int) -> str:
    """A large number in short: 460.8 k, 134.5 M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit:
            return f"{number / limit:.1f} {unit}"
    return str(number)


@cache
def _path(number: int, of: int) -> str:
    """A sine from top to bottom, each strand at its own phase, so that they cross like a braid."""
    middle, swing = WIDTH / 2, WIDTH / 2 - 2
    if of == 1:
        return f"M{middle:.0f} 0V{HEIGHT}"
    points = []
    for step in range(POINTS + 1):
        phase = 2 * math.pi * (1.5 * step / POINTS + number / of)
        points.append(f"{middle + swing * math.sin(phase):.1f} {HEIGHT * step / POINTS:.1f}")
    return "M" + "L".join(points)
