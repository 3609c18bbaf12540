"""Measures of topics and of topic models."""

from ntm_fast.metrics.coherence import c_v as c_v
from ntm_fast.metrics.coherence import npmi as npmi
from ntm_fast.metrics.diversity import redundancy as redundancy
from ntm_fast.metrics.diversity import topic_diversity as topic_diversity
from ntm_fast.metrics.diversity import topic_uniqueness as topic_uniqueness
from ntm_fast.metrics.perplexity import EvaluableModel as EvaluableModel
from ntm_fast.metrics.perplexity import PredictiveModel as PredictiveModel
from ntm_fast.metrics.perplexity import perplexity as perplexity
from ntm_fast.metrics.topic_collapse import CollapseReport as CollapseReport
from ntm_fast.metrics.topic_collapse import DuplicatePair as DuplicatePair
from ntm_fast.metrics.topic_collapse import InspectableModel as InspectableModel
from ntm_fast.metrics.topic_collapse import collapse as collapse
from ntm_fast.metrics.topic_collapse import collapse_report as collapse_report
from ntm_fast.metrics.topics import RELEVANCE as RELEVANCE
from ntm_fast.metrics.topics import relevance_of_words as relevance_of_words
from ntm_fast.metrics.topics import top_words as top_words
