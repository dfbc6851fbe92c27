"""Reports: one HTML page for a run or a study, with its figures and tables."""
