"""What every training and evaluation needs: checkpoints, processes, safe files, results.

Each module is loaded when it is first used; those that need torch import it.
"""
