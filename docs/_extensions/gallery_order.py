"""Examples of a room in the order in which one would read them: the plain case first, variations after it."""

from pathlib import Path

ORDER = (
    *("one_pixel_camera", "which_terms", "phase_diagram"),
    *("change_the_import", "sparsity", "pipeline_digits", "predicted_codes"),
    *("denoising", "atoms", "masked_learning", "bars", "fast_dictionary_denoising", "calibrated"),
    *("rediscover_fft", "discover_fft", "fwht_sequency", "monarch_pixelfly"),
    *("sketch_text_distances", "sketch_stream", "lstsq_pixel_prediction", "fastjl_density", "leverage_text"),
    *("tensor_sketch_digits", "coordinated_sampling"),
    "phase_retrieval_stars",
    *("points", "dpp_palette", "dpp_digits", "feature_selection"),
    *("updatable_svd_movielens", "growing_corpus", "scree_indian_pines", "photograph_completed", "ratings_completed"),
    *("fairness_movielens", "video_background", "cur_reuters"),
    *("speedup", "errors", "additions", "flip_graph_walk", "lost_workers"),
    *("sparse_mlp_digits", "rigl_maps", "quick_selection", "net_trim", "matryoshka_patches"),
)


def position(filename) -> int:
    """Place of an example, by the name of its file; one that is not listed is an error."""
    return ORDER.index(Path(filename).stem.removeprefix("plot_"))
