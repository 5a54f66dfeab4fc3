"""Examples of the API's documentation, put together from one value for each name. A test holds them to the schema."""

from typing import Any

COMMIT = "9f2c4b7a1d3e5f60718293a4b5c6d7e8f9012345"
SHA256 = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
WHEN = "2026-11-27T09:30:00Z"
PARAMETERS = {
    "owner": "A user or an organisation.",
    "name": "The module's, or the organisation's, name.",
    "username": "Of a user.",
    "commit": "main, v2, or a commit of at least 4 hex digits.",
    "sha256": "64 hex digits.",
    "job_id": "Number of a job.",
    "token_id": "Number of a token.",
    "invitation_id": "Number of an invitation.",
    "import_id": "Number of an import.",
    "kind": "What the export is for: gguf or merged.",
    "format": "Of the schema: JSON or YAML.",
    "lang": "Language of the schema's texts.",
    "task": "Any of these tasks; may be repeated.",
    "language": "Codes such as en; may be repeated.",
    "license": "Such as mit; may be repeated.",
    "dataset": "May be repeated.",
    "tag": "May be repeated.",
    "rank": "The largest rank of any layer; may be repeated.",
    "status": "Only those with this status.",
}
VALUES: dict[str, Any] = {
    "about": "Small adapters for large languages.",
    "action": "module.publish",
    "actor": "alice",
    "alone_loss": 1.42,
    "alpha": 16.0,
    "author": "alice",
    "base_model": "google/flan-t5-base",
    "card": "# Opposites\n\nIt gives the opposite of a word.\n",
    "commit": COMMIT,
    "count": 1,
    "dataset": "opposites",
    "dtype": "F32",
    "full_name": "alice/opposites",
    "git_sha1": "557db03de997c86a4a028e1ebd3a1ceb225be238",
    "input": "hot",
    "languages": ["en"],
    "license": "mit",
    "message": "Trained longer",
    "method": "auto",
    "metric": "exact_match",
    "model_id": "google/flan-t5-base",
    "module": "alice/opposites",
    "modules": ["alice/opposites", "bob/antonyms@v2"],
    "name": "opposites",
    "namespace": "alice",
    "next": "https://hub.example.org/api/v1/modules/?cursor=W251bGwsMzAsZmFsc2Vd",
    "objective": "loss",
    "optimizer": "auto",
    "compare": "full",
    "organisation": "words",
    "output": "cold",
    "owner": "alice",
    "path": "adapter_model.safetensors",
    "peft_type": "LORA",
    "prefix": "hf_aBcD",
    "previous": None,
    "prompt_template": "{input}\n{output}",
    "prompt_format": "plain",
    "reason": "Trained on the test rows.",
    "revision": COMMIT,
    "seed": 0,
    "sha256": SHA256,
    "size": 1_048_576,
    "subject": "alice/opposites",
    "summary": "Gives the opposite of a word",
    "system_prompt": "",
    "tags": ["words"],
    "target": "alice/opposites",
    "targets": ["q_proj", "v_proj"],
    "task": "antonyms",
    "title": "Words, a working group",
    "to": "words/opposites",
    "token": "hf_…",
    "url": "https://hub.example.org/alice/opposites",
    "user": "bob",
    "username": "bob",
    "yanked": None,
}


def example(part: dict[str, Any], schema: dict[str, Any], name: str = "", depth: int = 0) -> Any:
    """A value that fits a part of the schema, the one known for its name if that fits."""
    if "$ref" in part:
        return example(
            schema["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]], schema, name, depth + 1
        )
    choices = part.get("allOf") or part.get("oneOf") or part.get("anyOf")
    kinds = part.get("type")
    kind = next((k for k in kinds if k != "null"), "null") if isinstance(kinds, list) else kinds
    if choices and not part.get("properties"):
        if name in VALUES and not any("$ref" in choice for choice in choices):
            return VALUES[name]
        return example(choices[0], schema, name, depth + 1)
    if "enum" in part:
        return VALUES[name] if VALUES.get(name) in part["enum"] and name in VALUES else part["enum"][0]
    if kind == "object" and "properties" in part:
        return {key: example(value, schema, key, depth + 1) for key, value in part["properties"].items()}
    if kind == "array":
        if isinstance(VALUES.get(name), list):
            return VALUES[name]
        return [example(part.get("items", {}), schema, name, depth + 1)]
    return _plain(part, kind, name)


def _plain(part: dict[str, Any], kind: str | None, name: str) -> Any:
    fits: dict[str, Any] = {"string": str, "integer": int, "number": (int, float), "boolean": bool}
    if name in VALUES and (isinstance(VALUES[name], fits.get(str(kind), object)) or VALUES[name] is None):
        return VALUES[name]
    if "default" in part:
        return part["default"]
    if part.get("format") == "date-time":
        return WHEN
    if part.get("format") == "uri":
        return VALUES["url"]
    if kind == "object":
        return {}
    least = part.get("minimum", 0)
    return {"string": "text", "integer": max(1, least), "number": max(0.5, least), "boolean": True}.get(
        str(kind)
    )
