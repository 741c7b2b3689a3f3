"""How far a model is from a reference, at its outputs and along the network.

``alignment`` finds the tensors that both have, ``measuring`` compares them, ``picture`` draws the error from
layer to layer.
"""
