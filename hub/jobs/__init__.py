"""Compose jobs: submitted by a person or a program, run by a worker, watched, cancelled, recovered.

The row in the database is the only truth about a job; the broker only wakes workers up.

models       Job, JobModule, Generation, Worker
preflight    everything that can be wrong with a request, named before anything is stored
services     submit_job, cancel_job
lease        claim, renew, and the fence that keeps a worker which lost its lease from writing
outcome      the fenced writes of a run: checkpoint, succeed, fail, cancel, hand over
sweeper      sends queued and abandoned jobs again; ends the hopeless ones
runner       claim -> select -> compose -> publish -> finish; the only hub file that loads torch
publish      what a finished composition becomes: files, recipe, card, lineage, evaluations
"""
