"""The README.md of a composition: what it is made of, what it was compared with, how to use it. No example is quoted."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from composer.prompts import PromptFormat
from hub.jobs.licenses import strictest
from hub.jobs.models import Job
from hub.registry.models import BaseModel, Revision
from hub.registry.snippets import AUTO_CLASS, ask_snippet


def render(
    *, job: Job, name: str, revisions: Sequence[Revision], weights: Sequence[float], result: Mapping[str, Any]
) -> str:
    """The card's Markdown with its front matter. name: of the module, without its owner."""
    used = sorted(
        ((r.module.full_name, r.short, w) for r, w in zip(revisions, weights, strict=True) if w != 0),
        key=lambda row: -abs(row[2]),
    )
    parts = [
        _front_matter(job, revisions, result),
        f"# {name}",
        f"A LoRA adapter for `{job.base_model.model_id}`, composed without gradients from {len(used)} "
        f"module{'s' if len(used) != 1 else ''} and {len(job.examples)} example{'s' if len(job.examples) != 1 else ''}: "
        f"{result['evaluations']} combinations were tried in {result['seconds']:.0f} s.",
        "## How good it is",
        _comparison(result),
        "## What it is made of",
        "\n".join(
            ["| module | revision | weight | adds (nats) |", "|---|---|---:|---:|"]
            + [f"| {n} | `{c}` | {w:+.3f} | {_added(result, n)} |" for n, c, w in used]
        ),
        "What a module adds is how much the loss rises, on the rows measured, when its weight alone is set to zero.",
        f"Method `{result['method']}`, optimizer `{result['optimizer']}`, seed {job.seed}, budget {job.budget}; the sum was "
        f"compressed to rank {result['rank']}{_error(result)}. `recipe.json` has all that is needed to make it again.",
        _tuning(result),
        "## Use it",
        _usage(job, name, PromptFormat(**result["prompt"])),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(job: Job, revisions: Sequence[Revision], result: Mapping[str, Any]) -> str:
    lines = [
        "---",
        f"base_model: {job.base_model.model_id}",
        "base_model_relation: adapter",
        "library_name: peft",
        "tags: [composition, lora]",
    ]
    prompt = PromptFormat(**result["prompt"])
    lines.append(f"prompt_template: {json.dumps(prompt.template)}")  # JSON text is YAML text
    if prompt.chat:
        lines += ["prompt_format: chat", f"system_prompt: {json.dumps(prompt.system)}"]
    if licence := strictest([r.module.license for r in revisions]):
        lines.append(f"license: {licence}")
    return "\n".join([*lines, "---"])


def _comparison(result: Mapping[str, Any]) -> str:
    arms = result["arms"]
    if not arms:
        return "It was not compared with anything."
    n = arms[0]["n"]
    where = {
        "held_out": f"{n} held-out rows",
        "leave_one_out": f"the {n} examples, each left out in turn: the search was run again without it",
        "examples": f"the {n} examples themselves, so these figures flatter it",
    }[result["measured_on"]]
    lines = [
        str(result["verdict"].get("text", "")).strip(),
        f"Measured on {where}; in brackets 95 % intervals.",
        "\n".join(
            ["| | loss (nats per answer token) | exact match | tokens per prompt |", "|---|---:|---:|---:|"]
            + [
                f"| {arm['label']} | {_interval(arm['loss'], arm['loss_low'], arm['loss_high'], '.2f')} "
                f"| {_interval(arm['exact_match'], arm['exact_low'], arm['exact_high'], '.0%')} "
                f"| {arm['tokens']:.0f} |"
                for arm in arms
            ]
        ),
    ]
    return "\n\n".join(line for line in lines if line)


def _added(result: Mapping[str, Any], name: str) -> str:
    part = next((part for part in result["contributions"] if part["name"] == name), None)
    return "–" if part is None else _interval(part["gain"], part["low"], part["high"], "+.2f")


def _tuning(result: Mapping[str, Any]) -> str:
    tuning = result["tuning"]
    if tuning is None:
        return ""
    before, after = tuning["curve"][0][1], min(loss for _, loss in tuning["curve"] if loss is not None)
    if not tuning["saved"]:
        return "Tuning it further on the examples was tried and dropped: examples left out were answered no better."
    return (
        f"It was then tuned on the examples for {tuning['steps']} steps of gradient descent, the number after which examples "
        f"left out were answered best (loss {before:.2f} before, {after:.2f} after)."
    )


def _interval(value: float | None, low: float | None, high: float | None, form: str) -> str:
    if value is None:
        return "–"
    return (
        f"{value:{form}}" if low is None or high is None else f"{value:{form}} ({low:{form}} – {high:{form}})"
    )


def _error(result: Mapping[str, Any]) -> str:
    error = result["compression_error"]
    return "" if error is None else f" (relative error {error:.1%})"


def _usage(job: Job, name: str, prompt: PromptFormat) -> str:
    full_name = f"{job.namespace.name}/{name}"
    architecture = BaseModel.Architecture(job.base_model.architecture)
    auto = AUTO_CLASS[architecture]
    fence = "````"  # a template may hold three backticks
    return "\n".join(
        [
            f"{fence}python",
            "from peft import PeftModel",
            f"from transformers import {auto}, AutoTokenizer",
            "",
            f'base = {auto}.from_pretrained("{job.base_model.model_id}")',
            f'tokenizer = AutoTokenizer.from_pretrained("{job.base_model.model_id}")',
            f'model = PeftModel.from_pretrained(base, "{full_name}")  # or the folder you downloaded it to',
            fence,
            "",
            "Ask it the way it was composed:",
            "",
            f"{fence}python",
            ask_snippet(architecture, prompt).replace(fence, "```"),
            fence,
            "",
            f"Its prompt template{', as the user turn of a chat' if prompt.chat else ''}:",
            "",
            f"{fence}text",
            prompt.template.replace(fence, "```"),
            fence,
        ]
    )
