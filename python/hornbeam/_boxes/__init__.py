"""Bounding boxes: formats, what happens to boxes when their image changes, overlaps, and deltas to anchors.

Their public face is ``hornbeam.utils.bounding_boxes``; they lie here so that layers can use them.
"""
