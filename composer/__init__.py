"""Gradient-free composition of LoRA adapters: from a few examples of a new task to one new adapter.

Give it a frozen base model, some LoRA adapters trained on other tasks, and about five examples. It searches, without
gradients, for the weights whose weighted sum of the adapters answers the examples best, and returns that sum as a plain
PEFT adapter, together with what it was compared with (LoraHub, arXiv:2307.13269, and what we changed: docs/composer.md).

    from composer.adapters import load_adapter
    from composer.base_model import load_base_model
    from composer.compose import compose
    from composer.examples import read_examples

Map, from the leaves to the root (nothing here knows of the web, and importing this package loads nothing heavy):

errors          what can go wrong, and whose turn it is
examples        the (input, output) rows, read and checked                                  torch-free
prompts         templates: the text a model sees                                            torch-free
adapter_files   is this folder a usable adapter? read from headers, never executed          torch-free
settings        what a composition is asked to do                                           torch-free
memory          how many bytes a composition needs, from shapes alone                       torch-free
threads         how torch's threads wait                                                    torch-free
base_model      tokenizer and frozen model
conversions     LoHa, LoKr, DoRA as low-rank factors
adapters        an adapter in memory; load and save
methods         weights + adapters -> one adapter
gates           adapters mixed per row of a batch, in hooks beside the frozen layers
batches         rows packed into one sequence, or padded
packable        which models can read packed rows
packed_attention  attention over packed rows, one at a time
lower_blocks    what all candidates share, computed once
norms           RMS norms in fewer passes
limits          how much goes into one forward, and whether a job fits
faithful        what the published code computes, quirk by quirk, for comparison
published       that as a method of compose()
evaluator       the losses of a whole population of weights in one forward
alone           the losses of hundreds of adapters, each alone
decode          greedy answers of many weights at once
objective       loss + penalty
scores          what is minimised: the loss, exact match, options, your own function
prompt_choice   which of the modules' own prompt formats suits the examples
search          ask-and-tell optimizers
select          which of many adapters are worth composing
sketch          a fingerprint of what an adapter adds
same_update     which adapters add nearly the same
generate        answers and exact match of one model
tune            ordinary gradient training of a small LoRA (how the starter modules were made)
tuning          gradient tuning of an adapter's factors, stopped by the examples left out
folds           the same search without some of the examples
placebo         random adapters of the same shape
in_context      prompts that begin with the examples
arms            one way to answer, measured
rivals          what a composition is compared with
contributions   what each module adds
verdict         what the arms say together, and which to use
stored          the composition as it will be written
report          all of that, on held-out rows or by leave-one-out
export          a merged model for transformers, a GGUF LoRA for llama.cpp
checkpoint      the record from which a search continues
composition     what comes out
stages          the stages of compose()
recipe          the file from which a composition is made again
compose         compose(): the whole of it
__main__        the command line; its options are in arguments
"""

__version__ = "0.1.0"
