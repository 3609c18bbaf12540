"""Training of topic models: the loop, its callbacks, settings, checkpoints and recipes."""

from ntm_fast.recipes import RECIPES as RECIPES
from ntm_fast.settings import Recipe as Recipe
from ntm_fast.settings import TrainingSettings as TrainingSettings
from ntm_fast.training.callbacks import Callback as Callback
from ntm_fast.training.callbacks import Checkpoint as Checkpoint
from ntm_fast.training.checkpoint import MismatchError as MismatchError
from ntm_fast.training.diagnosis import NotFiniteError as NotFiniteError
from ntm_fast.training.logs import JSONLines as JSONLines
from ntm_fast.training.logs import TensorBoard as TensorBoard
from ntm_fast.training.progress import Progress as Progress
from ntm_fast.training.state import Epoch as Epoch
from ntm_fast.training.state import Run as Run
from ntm_fast.training.state import StepLoss as StepLoss
from ntm_fast.training.state import TrainingInterrupted as TrainingInterrupted
from ntm_fast.training.trainer import Trainer as Trainer
