"""Measures: how good attributions are, judged by models that were trained again."""

from .._training import Training as Training
from .brittleness import Brittleness as Brittleness
from .brittleness import brittleness as brittleness
from .leave_one_out import LeaveOneOutCorrelation as LeaveOneOutCorrelation
from .leave_one_out import leave_one_out_correlation as leave_one_out_correlation
from .linear_datamodeling import LinearDatamodelingScore as LinearDatamodelingScore
from .linear_datamodeling import linear_datamodeling_score as linear_datamodeling_score
from .mislabel import MislabelAUROC as MislabelAUROC
from .mislabel import mislabel_auroc as mislabel_auroc
from .subset_models import SubsetModels as SubsetModels
