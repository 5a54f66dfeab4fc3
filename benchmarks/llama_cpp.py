"""Does llama.cpp compute with an exported GGUF LoRA what transformers computes with the adapter?

    pip install xllamacpp
    python -m benchmarks.llama_cpp --gguf BASE.gguf --base DIR --adapter DIR

BASE.gguf and DIR are the same base model. Prints, for the bare model and with the adapter, the largest difference of
the log-probabilities of the likeliest next tokens. With a quantized GGUF that of the bare model is its noise floor.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch

from composer.adapters import load_adapter
from composer.base_model import load_base_model
from composer.evaluator import Evaluator
from composer.export import gguf_lora

PROMPTS = ("Q: apple\nA:", "Q: mouse\nA:", "The opposite of hot is")
TOP = 10

Likely = dict[int, float]  # token -> log-probability


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("gguf", "base", "adapter"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    base = load_base_model(options.base, dtype="float32", device="cpu")
    adapter = load_adapter(options.adapter, base=base)
    prompts = [base.tokenizer.encode(prompt) for prompt in PROMPTS]
    gates = Evaluator(base, [adapter]).gates
    with torch.inference_mode():
        bare = [likeliest(base.model, prompt) for prompt in prompts]
        with gates.rows(torch.ones(1, 1)):
            adapted = [likeliest(base.model, prompt) for prompt in prompts]
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "adapter.gguf"
        gguf_lora(adapter, exported, base.model.config)
        for word, expected, lora in (("bare", bare, None), ("with the adapter", adapted, exported)):
            worst, common = compare(llama_cpp(options.gguf, lora, prompts), expected)
            print(
                f"{word}: at most {worst:.3f} nats apart, {common} of {TOP * len(prompts)} tokens in common"
            )


def likeliest(model: Any, prompt: list[int]) -> Likely:
    logs = model(torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
    return {int(token): float(logs[token]) for token in logs.topk(TOP).indices}


def llama_cpp(model: Path, lora: Path | None, prompts: list[list[int]]) -> list[Likely]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.n_parallel, params.warmup = 512, 1, False
    params.cpuparams.n_threads = 1
    if lora:
        loaded = xllamacpp.CommonAdapterLoraInfo()
        loaded.path, loaded.scale = str(lora), 1.0
        params.lora_adapters = [loaded]
    server = xllamacpp.Server(params)
    found = []
    for prompt in prompts:
        request = {"prompt": prompt, "n_predict": 1, "temperature": 0, "n_probs": TOP, "cache_prompt": False}
        answer = server.handle_completions(request)
        tops = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        found.append({top["id"]: top["logprob"] for top in tops})
    return found


def compare(ours: list[Likely], expected: list[Likely]) -> tuple[float, int]:
    gaps = [abs(a[token] - b[token]) for a, b in zip(ours, expected, strict=True) for token in a.keys() & b]
    return max(gaps), len(gaps)


if __name__ == "__main__":
    main()
