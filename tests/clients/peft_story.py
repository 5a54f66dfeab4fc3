"""With the hub as the only hub: base model and adapter are loaded, an adapter is pushed, and its pull has equal logits."""

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from peft.utils import load_peft_weights
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.clients.checks import check, raises, run_all

BASE, REPO = "tests/tiny-llama", "alice/pushed"
tokenizer = AutoTokenizer.from_pretrained(BASE)
rows = tokenizer("Say it.", return_tensors="pt")


def base():
    return AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).eval()


def logits(model):
    with torch.no_grad():
        return model(**rows).logits


@check
def push_and_pull():
    torch.manual_seed(1)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(base(), config).eval()
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    pushed = logits(model)
    assert (pushed - logits(base())).abs().max() > 1e-3
    model.push_to_hub(REPO)
    tokenizer.push_to_hub(REPO)
    pulled = PeftModel.from_pretrained(base(), REPO).eval()
    assert torch.equal(logits(pulled), pushed)
    assert PeftConfig.from_pretrained(REPO).base_model_name_or_path == BASE
    assert len(load_peft_weights(REPO, device="cpu")) == 8
    again = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32).eval()
    again.load_adapter(REPO)
    torch.testing.assert_close(logits(again), pushed)
    assert torch.equal(
        logits(AutoModelForCausalLM.from_pretrained(REPO, dtype=torch.float32).eval()), logits(again)
    )
    assert AutoTokenizer.from_pretrained(REPO)("Say it.").input_ids == tokenizer("Say it.").input_ids


@check
def push_of_a_whole_model():
    error = raises(Exception, base().push_to_hub, "alice/whole")
    assert "whole model" in str(error), error


run_all()
