"""Simulated CT of the neck with exact truth: parathyroid glands, anatomy, phases, readers.

``scene.simulate`` makes one examination in memory, ``files.write_cohort`` a series on disk.
Everything is drawn from a seed; nothing in it is a patient.
"""
