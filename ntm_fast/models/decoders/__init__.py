"""Decoders p(x | θ), chosen by name."""

from ntm_fast.models.decoders.decoder import DECODERS as DECODERS
from ntm_fast.models.decoders.decoder import Decoder as Decoder
from ntm_fast.models.decoders.decoder import register as register
from ntm_fast.models.decoders.embedded import EmbeddedMixture as EmbeddedMixture
from ntm_fast.models.decoders.embedded import EmbeddedProduct as EmbeddedProduct
from ntm_fast.models.decoders.mixture import Mixture as Mixture
from ntm_fast.models.decoders.poisson import Poisson as Poisson
from ntm_fast.models.decoders.product import Product as Product
