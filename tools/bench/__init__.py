"""How fast a device executes models beside another runtime, and beside what this machine can do at most.

``model`` goes about one model: ``ours`` and ``litert`` are the two sides, ``alternating`` measures them in turns,
``agreement`` compares what they compute, ``engine`` measures the part of an execution that is no arithmetic.
``machine`` measures the processor and the memory, ``result`` holds the figures, ``picture`` draws them.
"""
