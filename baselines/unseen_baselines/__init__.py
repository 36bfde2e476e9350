"""The lecture's models in NumPy, written to be read from top to bottom.

data        a competition's folder: read it, write predictions, generate a competition like the lecture's
features    from a table to numbers: missing values, categories, one column divided by another, standardisation
linear      a line by a formula, and by rolling down the slope
search      a function by trying many: brute force on a grid, and the two lazy functions
hinges      any curve as a sum of hinges
mlp         a network of ReLU layers with its backpropagation
optimisers  gradient descent, momentum, Adam
training    the loop: mini-batches, early stopping, divergence
estimators  the models with scikit-learn's manners
watch       what a person sees while a model trains
plots       the pictures
report      the pictures and the table on one page
lecture     the lecture's eighteen experiments, beside its own figures
lab         what happens to a leaderboard without limits
"""
