"""Simulated images with exact truth, and simulated readers.

``ultrasound`` makes neck ultrasound of a parathyroid lesion, ``readers`` outlines
it as people do, and ``samples`` hands out a few ready-made cases.
"""
