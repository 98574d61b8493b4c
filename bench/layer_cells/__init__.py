"""The cells of the grid, those first that are known to be slow."""

from layer_cells import convolutions, images, pointwise, rows, sequences

_FAMILIES = (convolutions, rows, sequences, pointwise, images)
CELLS = [cell for family in _FAMILIES for cell in family.KNOWN]
CELLS += [cell for family in _FAMILIES for cell in family.CELLS]
