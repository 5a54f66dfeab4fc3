"""A module's colour, and the edge of its card."""

from django.template import Context, Template

from hub.registry.colors import HUES, thread_color, thread_hue
from hub.registry.templatetags.threads import count, megabytes, thread_edge


def test_the_colour_is_stable_and_all_colours_occur():
    assert thread_hue(5) == thread_hue(5)
    assert thread_color(5) == f"hue-{thread_hue(5)}"
    assert {thread_hue(pk) for pk in range(HUES)} == set(range(HUES))


def test_the_colour_of_a_module_is_that_of_its_id(module):
    assert thread_hue(module) == thread_hue(module.pk)
    assert Template("{% load threads %}{{ m|thread }}").render(Context({"m": module})) == thread_color(module)


def test_a_composition_is_woven_of_its_parents_colours():
    svg = thread_edge([(1, 0.9), (2, 0.1)])
    assert svg.count("<path") == 2
    assert thread_color(1) in svg
    assert thread_color(2) in svg
    assert svg.index('stroke-width="5.4"') < svg.index('stroke-width="1.0"')


def test_weights_of_nothing_are_drawn_all_the_same():
    assert thread_edge([(1, 0.0), (2, 0.0)]).count("<path") == 2


def test_sizes_as_people_write_them():
    assert [megabytes(n) for n in (12, 1500, 940_000, 2_500_000)] == ["12 bytes", "2 kB", "940 kB", "2.5 MB"]
    assert [count(n) for n in (12, 460_800, 134_500_000)] == ["12", "460.8 k", "134.5 M"]
