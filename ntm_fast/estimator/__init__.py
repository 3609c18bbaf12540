"""Topic models with scikit-learn's interface."""

from ntm_fast.estimator.named import LDAVAE as LDAVAE
from ntm_fast.estimator.named import NVLDA as NVLDA
from ntm_fast.estimator.named import DirichletVAE as DirichletVAE
from ntm_fast.estimator.named import NeuralTopicModel as NeuralTopicModel
from ntm_fast.estimator.named import ProdLDA as ProdLDA
