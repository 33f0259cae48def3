"""Python hooks: what SQL cannot do.

They land files, run the local server, build the artifacts a recommender looks
things up in from the finished marts, and answer from them. Every
transformation of the data itself is a dbt model under `models/`.
"""
