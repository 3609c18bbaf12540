"""Decoders p(x | θ), chosen by name."""

from ntm_fast.models.decoders.base import DECODERS as DECODERS
from ntm_fast.models.decoders.base import Decoder as Decoder
from ntm_fast.models.decoders.base import register as register
from ntm_fast.models.decoders.mixture import Mixture as Mixture
from ntm_fast.models.decoders.product import Product as Product
