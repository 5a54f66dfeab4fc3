"""Numbers as people read them on a job's pages."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.timesince import timesince

register = template.Library()


@register.filter
def duration(seconds: float | None) -> str:
    """40 s, 3 min, 1 h 5 min."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return "a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@register.filter
def ago(moment: datetime) -> str:
    """5 minutes ago; just now within the first minute."""
    if timezone.now() - moment < timedelta(minutes=1):
        return "just now"
    return f"{timesince(moment, depth=1)} ago"


@register.filter
def nats(loss: float | None) -> str:
    """Two digits; three where two would be nothing."""
    if loss is None:
        return "–"
    return f"{loss:.3f}" if 0 < loss < 0.1 else f"{loss:.2f}"


@register.filter
def signed(weight: float | None) -> str:
    """With its sign; a true minus."""
    if weight is None:
        return "–"
    return f"{weight:+.2f}".replace("-", "−")


@register.filter
def whole_percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


@register.filter
def small_percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


@register.filter
def percent_of(share: float) -> str:
    """0.427 as 42.7, for a width in percent; at least a visible sliver."""
    return f"{max(100 * share, 1.5):.1f}"


@register.filter
def plus(value: float, more: float) -> float:
    return round(value + more, 1)
