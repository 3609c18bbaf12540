"""Topic models with scikit-learn's interface."""

from ntm_fast.estimator.named import ETM as ETM
from ntm_fast.estimator.named import GSM as GSM
from ntm_fast.estimator.named import LDAVAE as LDAVAE
from ntm_fast.estimator.named import NVDM as NVDM
from ntm_fast.estimator.named import NVLDA as NVLDA
from ntm_fast.estimator.named import WHAI as WHAI
from ntm_fast.estimator.named import DirichletETM as DirichletETM
from ntm_fast.estimator.named import DirichletVAE as DirichletVAE
from ntm_fast.estimator.named import DirichletVAERSVI as DirichletVAERSVI
from ntm_fast.estimator.named import FigurnovLDA as FigurnovLDA
from ntm_fast.estimator.named import InverseCDF as InverseCDF
from ntm_fast.estimator.named import NeuralTopicModel as NeuralTopicModel
from ntm_fast.estimator.named import ProdLDA as ProdLDA
from ntm_fast.estimator.named import PublishedDirichletVAE as PublishedDirichletVAE
from ntm_fast.estimator.named import PublishedNVLDA as PublishedNVLDA
from ntm_fast.estimator.named import PublishedProdLDA as PublishedProdLDA
