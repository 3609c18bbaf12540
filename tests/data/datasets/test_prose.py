from ntm_fast.data.datasets.prose import prose

DOCSTRING = """Draw samples from the sea.

:func:`~torch.nn.Conv2d` is like :class:`torch.Tensor` but wetter, see `x` and ``y_1``.

.. math:: a^2 + b^2

    \\frac{1}{2}

.. note:: Whales migrate.

Parameters
----------
size : int or tuple of ints, optional
    Number of fish.

Args:
    depth (int, optional): depth of water. See https://example.com/a
    :param colour: hue of water
    :type colour: str

Example::

    >>> sea(3)
    array([1])

Tides rise::

    code here

>>> more
output

Moons pull tides.

References
----------
.. [1] Somebody, 1999.
"""


def test_prose_is_what_reads_as_english() -> None:
    expected = (
        "Draw samples from the sea. is like Tensor but wetter, see and . Whales migrate. "
        "Number of fish. depth of water. See hue of water Tides rise:: Moons pull tides."
    )
    assert prose(DOCSTRING).split() == expected.split()
