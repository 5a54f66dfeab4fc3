"""candidates_for: which modules are worth trying for some examples."""

from composer.examples import Example
from hub.registry.models import BaseModel, Module
from hub.registry.services import candidates_for

EXAMPLES = [
    Example("Say the currency of the country.\n\nQ: Japan\nA:", "yen"),
    Example("Say the currency of the country.\n\nQ: Chile\nA:", "peso"),
]


def names(revisions):
    return [revision.module.name for revision in revisions]


def test_those_that_share_words_with_the_examples_come_first(base_model, alice, publish_other):
    publish_other(alice, "antonym", summary="Gives the opposite of a word")
    publish_other(alice, "country-currency", summary="Names the currency of a country")
    publish_other(alice, "plural", summary="Gives the plural")
    Module.objects.filter(name="plural").update(downloads=50)
    found = candidates_for(base_model, alice, EXAMPLES)
    assert names(found)[0] == "country-currency"
    assert len(found) == 3


def test_only_visible_composable_ones_of_the_base_model(base_model, alice, bob, publish_other):
    publish_other(alice, "fine")
    publish_other(alice, "private", private=True)
    publish_other(alice, "not-composable")
    Module.objects.get(name="not-composable").head.__class__.objects.filter(
        module__name="not-composable"
    ).update(composable=False)
    publish_other(alice, "other-base")
    other = BaseModel.objects.create(
        model_id="o/b",
        architecture="causal",
        fingerprint="1",
        layers={},
        parameters=1,
        context_length=1,
        folder="/",
    )
    Module.objects.filter(name="other-base").update(base_model=other)
    assert names(candidates_for(base_model, bob, EXAMPLES)) == ["fine"]
    assert sorted(names(candidates_for(base_model, alice, EXAMPLES))) == ["fine", "private"]


def test_examples_without_words(base_model, alice, publish_other):
    publish_other(alice, "one")
    assert names(
        candidates_for(base_model, alice, [Example("1 + 1", "2"), Example("& | ! ' :*", "日本")])
    ) == ["one"]


def test_at_most_200(base_model, alice, publish_other):
    revision = publish_other(alice, "m")
    for number in range(205):
        Module.objects.create(
            namespace=alice.namespace, name=f"m{number}", base_model=base_model, head=revision
        )
    assert len(candidates_for(base_model, alice, EXAMPLES)) == 200


def test_copies_of_the_same_files_are_tried_once(base_model, alice, bob, publish, publish_other):
    publish(alice, "currency", summary="Says the currency of the country")
    publish(bob, "mislabelled-copy", summary="Gives the plural")
    publish_other(alice, "other", summary="Gives the opposite of a word")
    assert names(candidates_for(base_model, alice, EXAMPLES)) == ["currency", "other"]
    publish(alice, "hidden", private=True, summary="Says the currency of the country, currency")
    assert "currency" in names(candidates_for(base_model, bob, EXAMPLES))
