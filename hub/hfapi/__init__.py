"""The Hugging Face Hub's wire protocol over the registry, so that unmodified clients work with HF_ENDPOINT set to the hub.

Follows huggingface_hub 0.36 to 2.4 and hf_xet 1.8, as they speak (docs/clients.md). Views parse, call the registry's
services and answer with the fields and error headers that the clients read; what is allowed is decided there, not here.

    endpoint.py   what every address shares: who asks, errors, limits, headers       bodies.py    request bodies to disk
    info, lists, tree, refs, commits, resolve, users                                 reading
    repositories, preupload, commit, lfs, xet                                        writing
    device.py     the browser login of `hf auth login`
"""
