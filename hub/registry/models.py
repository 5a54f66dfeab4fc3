"""Base models, modules `owner/name`, their immutable revisions, and the content-addressed files behind them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from pgvector.django import HnswIndex, VectorField

from hub.accounts import policy
from hub.registry.access_models import AccessRequest as AccessRequest
from hub.registry.access_models import Gate as Gate
from hub.registry.access_models import ModuleAlias as ModuleAlias

SHORT_COMMIT = 8  # hex digits shown to people
VECTOR_SIZE = 384  # of the sentence model, composer.embed
SKETCH_SIZE = 256  # composer.sketch


class BaseModel(models.Model):
    """A frozen pretrained model that modules adapt. layers: name -> [d_out, d_in] of every adaptable layer."""

    class Architecture(models.TextChoices):
        CAUSAL = "causal", "Causal"
        SEQ2SEQ = "seq2seq", "Encoder-decoder"
        STATE_SPACE = "state-space", "State-space"

    model_id = models.CharField(max_length=200, unique=True)
    revision = models.CharField(max_length=64, blank=True)
    architecture = models.CharField(max_length=16, choices=Architecture)
    fingerprint = models.CharField(max_length=64)
    layers = models.JSONField()
    parameters = models.BigIntegerField()
    context_length = models.PositiveIntegerField()  # tokens
    folder = models.CharField(max_length=500)  # on the workers' disk; never shown
    files = models.JSONField(default=dict, blank=True)  # what is served of it; see services.base_files
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-is_default", "model_id"]
        constraints = [
            models.UniqueConstraint(
                "is_default", condition=models.Q(is_default=True), name="one_default_base_model"
            )
        ]

    def __str__(self) -> str:
        return self.model_id


class ModuleQuerySet(models.QuerySet["Module"]):
    def visible_to(self, user: Any) -> ModuleQuerySet:
        """Modules that this user may see, as the policy says; never deleted ones. Every read goes through here."""
        return self.filter(policy.visible(user), deleted_at=None, head__isnull=False)

    def downloadable_by(self, user: Any) -> ModuleQuerySet:
        """Modules whose files this user may have, and so compose: visible, and not gated for them."""
        return self.filter(policy.downloadable(user), deleted_at=None, head__isnull=False)

    def composable_by(self, user: Any) -> ModuleQuerySet:
        """Modules that this user may compose: theirs to download, of a kind that composes, and not yanked."""
        return self.downloadable_by(user).filter(head__composable=True, head__yanked_at=None)

    def reachable_by(self, user: Any) -> ModuleQuerySet:
        """As visible_to, and drafts of the user's own: modules whose `main` has never been a complete adapter."""
        there = policy.visible(user) & models.Q(head__isnull=False)
        return self.filter(there | (policy.own(user) & models.Q(head=None)), deleted_at=None)


class Module(models.Model):
    """The catalogue entry of one LoRA, `owner/name`. A deleted one stays as a row, the tombstone that keeps its name for a
    time (services.names).

    head: the revision at `main`, once that has been a complete adapter; a module without one is a draft.
    """

    namespace = models.ForeignKey("accounts.Namespace", on_delete=models.PROTECT, related_name="modules")
    name = models.CharField(max_length=96)
    is_private = models.BooleanField(default=False)
    gate = models.CharField(max_length=6, choices=Gate, default=Gate.OPEN, blank=True)
    gate_text = models.TextField(max_length=2000, blank=True)  # what whoever asks for access reads first
    base_model = models.ForeignKey(
        BaseModel, null=True, blank=True, on_delete=models.PROTECT, related_name="modules"
    )
    base_model_label = models.CharField(max_length=200, blank=True)  # as the files or the author name it
    summary = models.CharField(max_length=200, blank=True)
    task = models.CharField(max_length=64, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    languages = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    license = models.CharField(max_length=64, blank=True)
    dataset = models.CharField(max_length=200, blank=True)
    prompt_template = models.TextField(blank=True)
    prompt_format = models.CharField(max_length=16, default="plain")
    system_prompt = models.TextField(blank=True, default="")
    samples = models.JSONField(
        default=list, blank=True
    )  # [{"input", "output"}], at most 5: rows it was made for
    downloads = models.PositiveIntegerField(default=0)
    likes = models.PositiveIntegerField(default=0)  # kept true by hub.community.services
    head = models.ForeignKey("Revision", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    search_vector = SearchVectorField(null=True)
    search_text = models.TextField(blank=True)  # lower case, without accents: for typo-tolerant search
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ModuleQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "namespace", Lower("name"), condition=models.Q(deleted_at=None), name="module_name_any_case"
            )
        ]
        indexes = [
            GinIndex("search_vector", name="module_search"),
            GinIndex(OpClass("search_text", name="gin_trgm_ops"), name="module_trigrams"),
            models.Index(fields=["-created_at"], name="module_newest"),
            models.Index(fields=["-downloads"], name="module_downloads"),
        ]

    def __str__(self) -> str:
        return self.full_name

    def get_absolute_url(self) -> str:
        return reverse("module", args=[self.namespace.name, self.name])

    @property
    def full_name(self) -> str:
        return f"{self.namespace.name}/{self.name}"

    @property
    def base_model_name(self) -> str:
        """The base model's id, registered or not."""
        return self.base_model.model_id if self.base_model else self.base_model_label

    @property
    def is_draft(self) -> bool:
        return self.head_id is None

    def can_write(self, user: object) -> bool:
        return policy.can(user, policy.Action.WRITE, self)

    def can_download(self, user: object) -> bool:
        return policy.can(user, policy.Action.DOWNLOAD, self)

    def can_manage(self, user: object) -> bool:
        return policy.can(user, policy.Action.MANAGE, self)


class ModuleVector(models.Model):
    """What a module is about, as vectors of length 1. Made by a worker; gone as soon as the module says something else.

    about: of its name, summary, task, tags, prompt template and card.
    """

    module = models.OneToOneField(Module, on_delete=models.CASCADE, primary_key=True, related_name="vector")
    about = VectorField(dimensions=VECTOR_SIZE)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [HnswIndex(name="module_about", fields=["about"], opclasses=["vector_cosine_ops"])]

    def __str__(self) -> str:
        return f"vector of module {self.module_id}"


class SampleVector(models.Model):
    """One of a module's sample rows as a vector of length 1; made and gone with the module's ModuleVector."""

    module = models.ForeignKey(Module, on_delete=models.CASCADE, related_name="sample_vectors")
    row = VectorField(dimensions=VECTOR_SIZE)

    class Meta:
        indexes = [HnswIndex(name="module_sample", fields=["row"], opclasses=["vector_cosine_ops"])]

    def __str__(self) -> str:
        return f"sample row of module {self.module_id}"


class Revision(models.Model):
    """An immutable set of files of a module, and what they say. rank: the largest; size: bytes of the weights file.

    One that is not complete has no adapter (yet): its peft_type is empty and its numbers are 0.
    """

    module = models.ForeignKey(Module, on_delete=models.CASCADE, related_name="revisions")
    commit = models.CharField(max_length=40)  # hex
    number = models.PositiveIntegerField()  # 1, 2, 3 … within the module
    message = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)  # of the commit: what its message has no room for
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    is_complete = models.BooleanField(default=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    card = models.TextField(blank=True)  # README.md without its front matter
    peft_type = models.CharField(max_length=32, blank=True)
    rank = models.PositiveIntegerField()
    alpha = models.FloatField()
    targets = ArrayField(models.CharField(max_length=512), default=list, blank=True)
    parameters = models.BigIntegerField()
    dtype = models.CharField(max_length=8)
    parameters_by_dtype = models.JSONField(default=dict)  # {"F32": 1024}, of the safetensors header
    size = models.BigIntegerField()
    composable = models.BooleanField()
    not_composable_reason = models.TextField(blank=True)
    not_composable_code = models.CharField(max_length=40, blank=True)
    yanked_at = models.DateTimeField(null=True, blank=True)  # still there, but to be used no more
    yanked_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["module", "number"], name="revision_number"),
            models.UniqueConstraint(fields=["module", "commit"], name="revision_commit"),
        ]

    def __str__(self) -> str:
        return f"{self.module.full_name}@{self.short}"

    @property
    def short(self) -> str:
        return self.commit[:SHORT_COMMIT]


class Ref(models.Model):
    """A name for a revision: a branch, which moves with every commit to it, or a tag, which stays. `main` is a branch."""

    class Kind(models.TextChoices):
        BRANCH = "branch"
        TAG = "tag"

    module = models.ForeignKey(Module, on_delete=models.CASCADE, related_name="refs")
    kind = models.CharField(max_length=6, choices=Kind)
    name = models.CharField(max_length=120)
    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="refs")
    message = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["module", "name"], name="ref_name")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Sketch(models.Model):
    """What a revision adds to its base model, as composer.sketch sees it: a direction (of length 1) and a length.

    Made by a worker. direction: None if the revision adds nothing, or its sketch could not be made.
    """

    revision = models.OneToOneField(
        Revision, on_delete=models.CASCADE, primary_key=True, related_name="sketch"
    )
    direction = VectorField(dimensions=SKETCH_SIZE, null=True)
    length = models.FloatField(default=0.0)  # in the unit of the update's Frobenius norm
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [HnswIndex(name="revision_sketch", fields=["direction"], opclasses=["vector_cosine_ops"])]

    def __str__(self) -> str:
        return f"sketch of revision {self.revision_id}"


class Blob(models.Model):
    """The bytes of a file, stored once under their sha256."""

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.BigIntegerField()
    git_sha1 = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)
    stored_at = models.DateTimeField(
        default=timezone.now, db_index=True
    )  # last time that an upload brought it

    def __str__(self) -> str:
        return self.sha256

    @property
    def storage_name(self) -> str:
        return f"blobs/{self.sha256[:2]}/{self.sha256[2:4]}/{self.sha256}"


class File(models.Model):
    """One file of a revision."""

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=400)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="files")

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["revision", "path"], name="file_path")]

    def __str__(self) -> str:
        return self.path


class Parent(models.Model):
    """`child` was made from `parent`, which took part with this weight."""

    child = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="parents")
    parent = models.ForeignKey(Revision, on_delete=models.PROTECT, related_name="children")
    weight = models.FloatField()

    class Meta:
        ordering = ["-weight"]
        constraints = [models.UniqueConstraint(fields=["child", "parent"], name="parent_once")]

    def __str__(self) -> str:
        return f"{self.child_id} <- {self.weight:g} x {self.parent_id}"


class Evaluation(models.Model):
    """A metric of a revision on n rows; low, high: its 95 % interval; details["baseline"]: the base model's value."""

    class Source(models.TextChoices):
        MEASURED = "measured", "Measured here"
        CLAIMED = "claimed", "Claimed"

    revision = models.ForeignKey(Revision, on_delete=models.CASCADE, related_name="evaluations")
    name = models.CharField(max_length=120)
    metric = models.CharField(max_length=60)
    value = models.FloatField()
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    n = models.PositiveIntegerField(null=True, blank=True)
    source = models.CharField(max_length=8, choices=Source, default=Source.CLAIMED)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.name} {self.metric} {self.value:g}"


class DownloadVisit(models.Model):
    """One visitor's download of a module's weights on one day; see services.downloads for the rule.

    visitor: a keyed hash that changes every day, so nobody can be followed from one day to the next.
    """

    module = models.ForeignKey(Module, on_delete=models.CASCADE, related_name="download_visits")
    day = models.DateField()
    visitor = models.CharField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["module", "day", "visitor"], name="download_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.module_id} {self.day}"
