"""Other libraries, each in an environment of its own, measured on the same arrays as ours in the same run.

They cannot live together (they pin numba and numpy apart), so ``environments`` makes one virtual environment a group
under ``.bench/`` at the repository's root, ``runs`` hands arrays over by file and reads the answer, and ``scripts``
holds one small file a library, run by its own environment's Python. ``timing`` measures both sides alike.
"""
