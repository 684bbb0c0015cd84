"""From pictures to digits: load, binarize, find components, remove lines and boxes, group into lines, recognize."""
