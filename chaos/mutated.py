"""`python -m chaos.mutated NAME[,NAME…] MODULE ARGUMENTS…`: apply patches to production code, then run a module.

For example `python -m chaos.mutated blind_retry celery -A routing_platform worker`. The production code has no switch
for any of this.
"""

import os
import runpy
import sys


def main() -> None:
    """Patch, then become `python -m MODULE ARGUMENTS`."""
    names, module, *arguments = sys.argv[1:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "routing_platform.settings")
    import django

    django.setup()
    from chaos.mutants import apply

    for name in names.split(","):
        apply(name)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
