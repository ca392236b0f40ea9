"""From a QEff model to its ONNX graph: what the graph takes and gives, and how it is written."""
