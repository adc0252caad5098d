"""`MLPClassifier` and `MLPRegressor`: scikit-learn's estimators, parameter by parameter, trained by `Network`.

They translate parameters and keep scikit-learn's fitted attributes; all arithmetic is the network's and its engine's.
"""

from backstory.estimators.classifier import MLPClassifier as MLPClassifier
from backstory.estimators.regressor import MLPRegressor as MLPRegressor
