"""The docks, the readers and the app: everything that knows Qt and napari."""
