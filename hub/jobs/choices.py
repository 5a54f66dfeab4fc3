"""What can be chosen in the form and over the API; the first of each is the default. Torch-free, so told here again
(tests/hub/jobs/test_choices.py holds it to what composer offers).
"""

METHODS = {
    "auto": "Automatic: deltas",
    "deltas": "Deltas: the weighted sum of the modules' updates, exact",
    "factors": "Factors: as LoraHub published it",
}
OPTIMIZERS = {
    "auto": "Automatic: probe",
    "probe": "Probe: try each module alone, then search around the best few",
    "cma": "CMA-ES: good with a budget of 300 and more",
    "ngopt": "NGOpt: as LoraHub published it (COBYLA)",
}
