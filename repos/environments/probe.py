"""Asked of an interpreter by running this file with it: which Python it is (3.6 and newer)."""

import json
import platform
import sys
import sysconfig


def facts():
    """Return what layers that are built for this interpreter depend on, and where it is."""
    return {
        "implementation": sys.implementation.name,
        "version": "{}.{}.{}".format(*sys.version_info[:3]),
        "final": sys.version_info[3] == "final",
        "threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "prefix": sys.base_prefix,
        "build": [
            sys.platform,
            platform.machine(),
            "-".join(platform.libc_ver()),
            sys.version,
            str(sysconfig.get_config_var("EXT_SUFFIX")),
        ],
    }


if __name__ == "__main__":
    print(json.dumps(facts()))
