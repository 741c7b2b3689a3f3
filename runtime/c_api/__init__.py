"""NNAPI's C functions: the library ``libneuralnetworks.so``, for programs that know nothing of Python.

``functions`` lists them, ``header`` and ``build`` make the header and the library of that list, and
the modules named after NNAPI's objects implement them over the Python classes of the same name.
"""
