"""Topic models: an encoder on sparse counts, a posterior and a decoder."""

from ntm_fast.models.topic_model import Loss as Loss
from ntm_fast.models.topic_model import TopicModel as TopicModel
from ntm_fast.settings import ModelSettings as ModelSettings
