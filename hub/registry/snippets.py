"""Commands that fetch and use a module, as shown on its page. They run as they are; a test runs them."""

from hub.registry.models import BaseModel, Module, Revision

AUTO_CLASS = {
    BaseModel.Architecture.SEQ2SEQ: "AutoModelForSeq2SeqLM",
    BaseModel.Architecture.CAUSAL: "AutoModelForCausalLM",
    BaseModel.Architecture.STATE_SPACE: "AutoModelForCausalLM",
}


def curl_snippet(module: Module, revision: Revision, site: str) -> str:
    """site: scheme and host, without a slash at the end."""
    token = ' -H "Authorization: Bearer $HF_TOKEN"' if module.is_private or module.gate else ""
    root = f"{site}/{module.full_name}/resolve/{_ref(module, revision)}"
    return (
        f"mkdir -p {module.name}\n"
        f"for file in adapter_config.json adapter_model.safetensors; do\n"
        f'  curl -fsSL{token} -o "{module.name}/$file" "{root}/$file"\n'
        f"done"
    )


def peft_snippet(module: Module, revision: Revision) -> str:
    """Python for the folder that curl_snippet makes."""
    architecture = module.base_model.architecture if module.base_model else BaseModel.Architecture.CAUSAL
    auto = AUTO_CLASS[BaseModel.Architecture(architecture)]
    base = module.base_model_name or "the/base-model"
    return (
        "from peft import PeftModel\n"
        f"from transformers import {auto}, AutoTokenizer\n\n"
        f'base = {auto}.from_pretrained("{base}")\n'
        f'tokenizer = AutoTokenizer.from_pretrained("{base}")\n'
        f'model = PeftModel.from_pretrained(base, "{module.name}")'
    )


def _ref(module: Module, revision: Revision) -> str:
    return "main" if revision.pk == module.head_id else revision.commit
