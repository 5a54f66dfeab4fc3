"""How torch's threads wait for each other. Torch-free: it must be called before torch is loaded."""

import os


def sleep_while_waiting() -> None:
    """Let OpenMP threads sleep at a barrier instead of spinning, unless the environment says otherwise.

    Spinning is a little faster on an idle machine and ruinous on a busy one: with both cores shared with another
    process, a forward of SmolLM2-135M on two threads took 9.9-15.8 s while spinning and 0.5 s while sleeping.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
