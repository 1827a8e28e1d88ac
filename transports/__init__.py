"""One folder per transport. A folder `transports/<name>` anywhere on sys.path is found as well."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
