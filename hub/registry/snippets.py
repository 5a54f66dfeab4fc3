"""Commands that fetch and use a module, as shown on its page. They run as they are; a test runs them."""

from composer.prompts import PromptFormat, render_prompt
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


def ask_snippet(architecture: str, prompt: PromptFormat) -> str:
    """Python that goes on from peft_snippet: an input of the user's, in the module's own prompt format, and the answer."""
    # The input is put in by hand, as composer.prompts does: a template may hold braces.
    before, _, after = render_prompt(prompt.template, "{input}").partition("{input}")
    parts = (
        [repr(text) for text in (before,) if text] + ["question"] + [repr(text) for text in (after,) if text]
    )
    lines = ['question = "your input"', f"prompt = {' + '.join(parts)}"]
    if prompt.chat:
        system = [{"role": "system", "content": prompt.system}] if prompt.system else []
        turns = "".join(f"{turn!r}, " for turn in system)
        lines += [
            f'messages = [{turns}{{"role": "user", "content": prompt}}]',
            "inputs = tokenizer.apply_chat_template(",
            '    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True',
            ")",
        ]
    else:
        lines.append('inputs = tokenizer(prompt, return_tensors="pt")')
    answer = (
        "output[0]"
        if architecture == BaseModel.Architecture.SEQ2SEQ
        else 'output[0, inputs["input_ids"].shape[1]:]'
    )
    return "\n".join(
        [
            *lines,
            "output = model.generate(**inputs, max_new_tokens=32, do_sample=False)",
            f"print(tokenizer.decode({answer}, skip_special_tokens=True))",
        ]
    )


def _ref(module: Module, revision: Revision) -> str:
    return "main" if revision.pk == module.head_id else revision.commit
