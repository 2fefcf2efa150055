"""What the parameters and fitted attributes of both sparse networks are: one text for two docstrings."""

PARAMETERS = """hidden_layer_sizes : sequence of int, default=(256,)
        Widths of the hidden layers.
    density : float or sequence of float, default=0.1
        Fraction of the weights of the whole network that exist, in (0, 1]; or of each layer.
    distribution : {"erk", "uniform", "balanced"}, default="erk"
        How the weights are shared among layers, as in :func:`erk_density`, :func:`uniform_density` or
        :func:`balanced_density`. Ignored where `density` is one number a layer.
    topology : {"static", "set", "rigl", "srigl", "sparse_momentum"} or object, default="static"
        Where the weights are while training: at random and for good, or as :class:`SET`, :class:`RigL`, :class:`SRigL`
        or :class:`SparseMomentum` move them.
    activation : str, (str, float) or sequence of them, default="relu"
        Of all hidden layers or one each: "relu"; "all_relu", which is x for x > 0, else ∓0.6 x in odd and even layers;
        "srelu", with slopes and thresholds trained for each unit; "leaky_relu"; "tanh"; "logistic"; "identity";
        "relu2", max(0, x)². "all_relu" and "leaky_relu" may come with a slope, as ``("all_relu", 0.5)``.
    solver : {"sgd", "momentum", "nesterov", "adam"}, default="adam"
        Update rule.
    learning_rate_init : float or "auto", default="auto"
        "auto" is 1e-3 for adam, else min(0.1, 0.01 / √density): sparse layers want larger steps.
    learning_rate : {"constant", "multistep", "cosine"}, default="constant"
        "multistep": a tenth from half of `max_iter` on, a hundredth from three quarters; "cosine": falls to zero.
    momentum : float, default=0.9
        Of "momentum" and "nesterov".
    beta_1, beta_2, epsilon : float, default=0.9, 0.999, 1e-8
        Of "adam".
    alpha : float, default=1e-4
        Penalty on the squared weights.
    dropout : float, default=0.0
        Fraction of the hidden units that a step leaves out.
    batch_size : int, default=128
        Samples a step.
    max_iter : int, default=50
        Epochs.
    shuffle : bool, default=True
        Whether each epoch draws an order.
    tol : float, default=1e-4
        Training stops when the loss (or the score, with `early_stopping`) has not improved by this for more than
        `n_iter_no_change` epochs.
    n_iter_no_change : int, default=10
        See `tol`.
    early_stopping : bool, default=False
        Hold out `validation_fraction` of the samples, stop by their score, and keep the weights and supports of the
        best epoch.
    validation_fraction : float, default=0.1
        See `early_stopping`.
    init : str or sequence of sparse arrays (n_in, n_out), default="sparse_he"
        First weights, as in :class:`SparseLinear`; given arrays bring values and supports, and `density` and
        `distribution` are ignored. Intercepts start at zero."""

MORE_PARAMETERS = """backend : {"auto", "native", "mkl", "scipy"}, default="auto"
        What multiplies, as in :func:`spmm`.
    warm_start : bool, default=False
        Whether `fit` goes on from the last fit.
    callback : callable or None, default=None
        Called after each epoch with a state of `n_iter`, `loss` and `coefs`; a true answer stops training.
    verbose : {0, 1, 2}, default=0
        A bar, or a line an epoch.
    random_state : int, RandomState, Generator or None, default=None
        Seed of supports, values, orders and dropout; the network does not depend on the number of threads."""

ATTRIBUTES = """coefs_ : list of csc_array of shape (n_in, n_out)
        Weights of each layer.
    intercepts_ : list of ndarray of shape (n_out,)
        Of each layer.
    density_ : float
        Fraction of the weights that exist.
    layer_densities_ : ndarray of shape (n_layers − 1,)
        Of each layer.
    n_connections_ : int
        Number of weights.
    n_layers_ : int
        Layers, with inputs and outputs.
    n_outputs_ : int
        Outputs.
    out_activation_ : str
        Of the outputs.
    loss_curve_ : list of float
        Mean loss of each epoch, penalty included.
    best_loss_ : float or None
        The smallest of them; None with `early_stopping`.
    validation_scores_ : list of float or None
        Score of each epoch on the samples held out.
    n_iter_ : int
        Epochs of the last fit.
    t_ : int
        Samples seen.
    topology_ : list of (int, list of UpdateRecord)
        Steps after which supports changed, and how.
    srelu_params_ : list of ndarray of shape (n_units, 4)
        t_l, a_l, t_r, a_r of the units of each "srelu" layer.
    n_features_in_ : int
        Inputs.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X had them."""
