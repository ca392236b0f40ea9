"""A copy of a decoder's graph for ONNX Runtime on the host: same weights, same tokens, in fewer and faster operators.

The exported graph is what the device's compiler reads, and stays as it is. What its calling convention asks for costs
time on a processor: slots are gathered before they are read, values of unused ones are replaced by zeros, keys are
repeated for every query head. The copy reads the cache where it lies. It is made when a session is opened, and has no
weights of its own: it names those of the exported file.
"""
