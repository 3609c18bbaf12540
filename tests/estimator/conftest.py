import pytest

from ntm_fast import ProdLDA
from tests.estimator.common import CORPUS, QUICK


@pytest.fixture(scope="module")
def fitted() -> ProdLDA:
    return ProdLDA(4, **QUICK).fit(CORPUS)
