"""Alembic's migrations of the study database; ``store`` runs them."""
