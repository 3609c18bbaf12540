"""Training of topic models: the loop, its settings, checkpoints and recipes."""

from ntm_fast.recipes import RECIPES as RECIPES
from ntm_fast.settings import Recipe as Recipe
from ntm_fast.settings import TrainingSettings as TrainingSettings
from ntm_fast.training.checkpoint import MismatchError as MismatchError
from ntm_fast.training.diagnosis import NotFiniteError as NotFiniteError
from ntm_fast.training.state import Epoch as Epoch
from ntm_fast.training.state import TrainingInterrupted as TrainingInterrupted
from ntm_fast.training.trainer import Trainer as Trainer
