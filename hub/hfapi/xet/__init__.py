"""The upload half of Xet, which new clients use for every large file. Downloads are plain HTTP.

A client cuts files into chunks, packs them into xorbs, sends those, and then a shard that says which chunks make which
file. Each file is put together when its shard arrives; its sha256 is the check of everything. tokens -> store -> formats
"""
