"""The demonstration: the face on a photograph and its landmarks, found by each of the four devices in its own numbers.

``__main__`` is the command, ``networks`` has the two networks in each device's numbers, ``finding`` runs them on the
photograph, ``figures`` says what that takes and how far it is from the CPU's float32, ``picture`` draws it.
"""
