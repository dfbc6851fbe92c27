"""CT of the neck: phases, network, training, inference, glands, evaluation.

The system of Li et al., 2025 (3-D U-Net on plain and contrast-enhanced CT). Each part is a
module of its own; only those that need torch import it.
"""
