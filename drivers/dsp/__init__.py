"""The DSP device: a wide-vector fixed-point machine with a tightly-coupled memory, like Qualcomm's Hexagon with HVX."""
