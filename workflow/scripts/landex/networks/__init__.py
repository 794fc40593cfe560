"""Networks: settings, architecture, training from blocks on disk, and the prediction, which needs no TensorFlow."""
