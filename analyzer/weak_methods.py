"""Methods that do not keep their object alive.

What an object owns may have to call it. If it held the object's bound method, both would live
until the garbage collector finds them, and with them all arrays of a run: many analyses in one
process would hold hundreds of MB of runs that are over. Knows nothing of its users.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import MethodType
from typing import Any


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls a bound method of an object that is still alive.

    Anything else that is callable is returned as it is.

    Raises:
        ReferenceError: by the function, where the object is gone.
    """
    if not isinstance(method, MethodType):
        return method
    alive = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        found = alive()
        if found is None:
            raise ReferenceError("the object of this method is gone")
        return found(*arguments)

    return call
