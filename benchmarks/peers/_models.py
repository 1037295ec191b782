"""The models of the speed benchmarks, the same for every side: peers import this file too."""

from __future__ import annotations

from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.tree import DecisionTreeClassifier

MODELS = {
    "logistic": LogisticRegression(max_iter=1000),
    "k-NN": KNeighborsClassifier(5),
    "naive Bayes": GaussianNB(),
    "centroid": NearestCentroid(),
    "LDA": LinearDiscriminantAnalysis(),
    "ridge": RidgeClassifier(),
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
}
