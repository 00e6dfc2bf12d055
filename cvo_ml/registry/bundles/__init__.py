"""Models as folders of plain files: written, checked, loaded and asked without MLflow."""
