"""Charts as SVG and pages as HTML, without script or network; pure Python that knows nothing of what it draws."""
