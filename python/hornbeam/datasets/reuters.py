"""Reuters-21578: news in 46 topics (D. Lewis, 1997)."""

from hornbeam.datasets._reuters import get_label_names, get_word_index, load_data

__all__ = ["get_label_names", "get_word_index", "load_data"]
