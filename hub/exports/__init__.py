"""Modules as files for other programs: a GGUF LoRA for llama.cpp, or a merged model. Made by a worker, kept for a while.

models      one wanted file of a revision, and where it stands
services    ask for one, find it, throw old ones away (torch-free)
tasks       the Celery task
runner      makes the file; loads torch: worker only
views       the part of a module's page, and the download
"""
