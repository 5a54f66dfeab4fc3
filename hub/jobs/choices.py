"""The composer's methods, optimizers, objectives and prompt formats in words for people.

tests/hub/jobs/test_compose_form.py keeps them complete.
"""

METHODS = {
    "auto": "Automatic: deltas",
    "deltas": "Deltas: the weighted sum of the modules' updates, exact",
    "factors": "Factors: as LoraHub published it",
    "faithful": "Faithful: exactly what its package lorahub 0.1.0 computes, with NGOpt",
}
OBJECTIVES = {
    "loss": "Loss: nats per answer token",
    "exact_match": "Exact match of the greedy answers",
    "option_accuracy": "Option accuracy: the right option is the likeliest",
}
PROMPT_FORMATS = {
    "plain": "Plain: the filled template",
    "chat": "Chat: as the user's turn, in the base model's own chat format",
}
COMPARE = {
    "full": "Everything: also in-context learning, random modules and a LoRA tuned on the examples",
    "basic": "The base model, the best single module and the uniform mean: faster",
}
LAYER_GROUPS = {
    "0": "Automatic: one each; from 100 combinations on, three",
    "1": "One each",
    "3": "Three each: lower, middle and upper layers",
}
OPTIMIZERS = {
    "auto": "Automatic: probe",
    "probe": "Probe: try each module alone, then search around the best few",
    "cma": "CMA-ES: good with a budget of 300 and more",
    "ngopt": "NGOpt: as LoraHub published it",
    "cobyla": "COBYLA: what NGOpt is at small budgets",
    "random": "Random: for comparison",
}
