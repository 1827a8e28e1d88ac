"""One folder per transport. A folder `transports/<name>` anywhere on sys.path is found as well."""

import os
import sys

_places = (os.path.join(folder, "transports") for folder in sys.path)
__path__ += [place for place in _places if place not in __path__ and os.path.isdir(place)]
