"""The configuration of a small town's insurer: every vendor, every way in, the whole default catalogue.

The demo runs it as processes, the end-to-end tests as threads (tests/support/town.py). What the flows of a family need
(campaigns, categories, audiences, document types …) is in `names/<family>.yaml`, laid over what stands here.
"""

from workers.demo.site.whole import Addresses, site

__all__ = ["Addresses", "site"]
