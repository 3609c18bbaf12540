"""What a run found, as text and JSON."""

from ntm_fast.report.record import paragraph as paragraph
from ntm_fast.report.record import record_as_facts as record_as_facts
from ntm_fast.report.text import facts_as_text as facts_as_text
from ntm_fast.report.text import printable as printable
from ntm_fast.report.text import topics_as_json as topics_as_json
from ntm_fast.report.text import topics_as_text as topics_as_text
