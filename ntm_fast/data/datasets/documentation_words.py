"""Words that all documentation of code is full of, whatever it is about."""

import re

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

_DOCUMENTATION = """
    accept accepted accepts actual actually additional additionally allow allowed allowing allows
    alternatively appropriate arg args argument arguments associated attribute attributes available
    based behave behavior behaves behaviour bool boolean called calling calls case cases certain
    change changed changes check checking checks class classes consider considered contain contained
    containing contains correct correctly correspond corresponding corresponds create created
    creates creating current currently def default defaults define defined defines depending depends
    described desired detail details determine determined determines different directly does doesn
    doing don ensure ensures equivalent etc exactly example examples existing exists expect expected
    expects explicitly false following follows func function functions general generally generate
    get gets given gives github guaranteed handle handled handles have having help helper ignore
    ignored implement implementation implementations implemented implements include included
    includes including indicate indicates indicating information instance instances instead int
    internal internally invalid isn issue just keyword known kwarg kwargs let like list long longer
    look looks make makes making mean means meth method methods missing multiple necessary need
    needed needs new non none normal normally note notes object objects occurs old optional
    optionally option options original otherwise override overridden overrides param parameter
    parameters particular pass passed passes passing perform performed performs place please
    possible present previous previously produce produced produces properly property provide
    provided provides purpose python raise raised raises reason refer reference regardless related
    relevant represent representing represents require required requires respectively result
    resulting results return returned returning returns right rtype run running runs second section
    self set sets setting settings shall short shouldn similar simple simply single slightly
    specific specifically specified specifies specify specifying standard start starting str string
    strings sub subclass subclasses support supported supporting supports sure take taken takes
    taking tested thing things thus todo treated true try trying tuple tuples type types typically
    unless unlike update updated usage use used useful user users uses using usual usually valid
    valueerror value values variable variables various version versions want wanted wants warning
    warnings way ways won work works wrapper write written wrong
"""

STOP_WORDS = ENGLISH_STOP_WORDS | frozenset(re.findall(r"[a-z]+", _DOCUMENTATION))
