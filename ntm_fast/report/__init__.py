"""What a run found, as text and JSON."""

from ntm_fast.report.methods import paragraph as paragraph
from ntm_fast.report.methods import record_as_facts as record_as_facts
from ntm_fast.report.plain_text import facts_as_text as facts_as_text
from ntm_fast.report.plain_text import printable as printable
from ntm_fast.report.plain_text import topics_as_json as topics_as_json
from ntm_fast.report.plain_text import topics_as_text as topics_as_text
