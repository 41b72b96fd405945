"""The report: one HTML file with every verdict, experiment and cell, and one page for a dictionary of one's own."""
