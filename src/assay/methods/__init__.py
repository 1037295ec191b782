"""Every method of the library, one line each, and how to find one by name."""

from __future__ import annotations

from difflib import get_close_matches
from inspect import isabstract

from .._errors import AssayError
from .._valuer import Valuer
from ._auto import choose as choose
from .bagging.data_oob import DataOOB as DataOOB
from .confidence.normalized_margin import NormalizedMargin as NormalizedMargin
from .confidence.self_confidence import SelfConfidence as SelfConfidence
from .consensus import Consensus as Consensus
from .control.random import Random as Random
from .coverage.complexity_gap import ComplexityGap as ComplexityGap
from .coverage.robust_volume import RobustVolume as RobustVolume
from .datamodel.datamodels import Datamodels as Datamodels
from .dynamics.aum import AUM as AUM
from .dynamics.cartography import Cartography as Cartography
from .dynamics.el2n import EL2N as EL2N
from .dynamics.forgetting import Forgetting as Forgetting
from .dynamics.grand import GraNd as GraNd
from .dynamics.hidden_state_drift import HiddenStateDrift as HiddenStateDrift
from .dynamics.learning_time import LearningTime as LearningTime
from .influence.data_inf import DataInf as DataInf
from .influence.dsdm import DsDm as DsDm
from .influence.exact_unrolled import ExactUnrolled as ExactUnrolled
from .influence.g_shapley import GShapley as GShapley
from .influence.grad_cos import GradCos as GradCos
from .influence.grad_dot import GradDot as GradDot
from .influence.in_run_shapley import InRunShapley as InRunShapley
from .influence.influence import Influence as Influence
from .influence.less import LESS as LESS
from .influence.representer_points import RepresenterPoints as RepresenterPoints
from .influence.self_influence import SelfInfluence as SelfInfluence
from .influence.trac_in import TracIn as TracIn
from .influence.trak import TRAK as TRAK
from .learned.dvrl import DVRL as DVRL
from .learned.loss_val import LossVal as LossVal
from .neighbors.approximate_knn_shapley import ApproximateKNNShapley as ApproximateKNNShapley
from .neighbors.calibrated_knn_shapley import CalibratedKNNShapley as CalibratedKNNShapley
from .neighbors.knn_banzhaf import KNNBanzhaf as KNNBanzhaf
from .neighbors.knn_leave_one_out import KNNLeaveOneOut as KNNLeaveOneOut
from .neighbors.knn_shapley import KNNShapley as KNNShapley
from .neighbors.soft_knn_shapley import SoftKNNShapley as SoftKNNShapley
from .neighbors.threshold_knn_shapley import ThresholdKNNShapley as ThresholdKNNShapley
from .neighbors.weighted_knn_shapley import WeightedKNNShapley as WeightedKNNShapley
from .semivalue.ame import AME as AME
from .semivalue.banzhaf import Banzhaf as Banzhaf
from .semivalue.beta import BetaShapley as BetaShapley
from .semivalue.class_wise import ClassWiseShapley as ClassWiseShapley
from .semivalue.delta_shapley import DeltaShapley as DeltaShapley
from .semivalue.group_testing import GroupTesting as GroupTesting
from .semivalue.kernel_shapley import KernelShapley as KernelShapley
from .semivalue.least_core import LeastCore as LeastCore
from .semivalue.loo import LeaveOneOut as LeaveOneOut
from .semivalue.owen_value import OwenValue as OwenValue
from .semivalue.shapley import Shapley as Shapley
from .semivalue.transferred_shapley import TransferredShapley as TransferredShapley
from .semivalue.weighted_banzhaf import WeightedBanzhaf as WeightedBanzhaf
from .transport.lava import LAVA as LAVA
from .trees.boost_in import BoostIn as BoostIn
from .trees.leaf_influence import LeafInfluence as LeafInfluence
from .trees.leaf_refit import LeafRefit as LeafRefit
from .trees.tree_sim import TreeSim as TreeSim
from .trees.trex import TREX as TREX

REGISTRY: dict[str, type[Valuer]] = {
    name: thing
    for name, thing in sorted(globals().items())
    if isinstance(thing, type) and issubclass(thing, Valuer) and not isabstract(thing)
}


def by_name(name: str) -> Valuer:
    """The method called `name`, with its default settings.

    Raises
    ------
    AssayError
        If there is none; it names the nearest.
    """
    if name in REGISTRY:
        return REGISTRY[name]()
    lower = {known.lower(): known for known in REGISTRY}
    near = [lower[match] for match in get_close_matches(name.lower(), lower, n=3, cutoff=0.4)]
    raise AssayError(
        f"There is no method {name!r}; {'the nearest are' if near else 'there are'} "
        f"{', '.join(near or REGISTRY)}, and 'auto' picks one."
    )
