"""What every training needs, whatever it trains: checkpoints, processes, safe files.

Each module is loaded when it is first used; those that need torch import it.
"""
