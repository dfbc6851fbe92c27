"""The ``napari-ptx`` command."""
