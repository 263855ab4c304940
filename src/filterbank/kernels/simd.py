"""Sixteen float32, or eight float64, side by side as one value in compiled code: load, store, add, compare, choose.

A row of a C-contiguous 2-D array with 16 float32 or 8 float64 columns is one such value. The same functions read a 1-D
array as rows of one plain number, so that a kernel written with them runs either way: the type of its arrays decides,
not a flag. `rows` makes arrays of the kind that works on this machine; `available` says which that is, and why.

The vector type goes through Numba's public extension interface (a type, its data model, typing and lowering of the
operators, intrinsics) to LLVM's vectors, which become AVX-512, AVX2, SSE2 or NEON registers: no compiler is needed.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import (
    intrinsic,
    lower_builtin,
    models,
    overload,
    register_model,
    type_callable,
)

__all__ = [
    "LANES",
    "available",
    "compiled",
    "fma",
    "greater",
    "known",
    "lane",
    "lanes_of",
    "load",
    "maximum",
    "minimum",
    "reason",
    "rows",
    "select",
    "set_lane",
    "splat",
    "sqrt",
    "store",
    "times",
]

LANES: dict[np.dtype[Any], int] = {np.dtype(np.float32): 16, np.dtype(np.float64): 8}
"""Numbers in one value: 64 bytes, one AVX-512 register and one line of the cache."""


def compiled(*, entry: bool = False) -> Callable[[Callable], Any]:
    """Return a decorator that compiles a function which runs without Python's lock and makes no array.

    Since it makes none, counting the references to the arrays that it is given would be idle work, and in functions
    called for a few hundred rows a third of their time: Numba is asked to leave it out, where it knows how to.

    Parameters
    ----------
    entry : bool, optional
        The function is called from Python, and its machine code is kept on disk. Others are only called from compiled
        ones, whose machine code theirs becomes part of.
    """
    options = {"cache": True} if entry else {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    try:
        return numba.njit(nogil=True, _nrt=False, **options)
    except (TypeError, KeyError, numba.core.errors.NumbaError):  # an option that a release of Numba doesn't have
        return numba.njit(nogil=True, cache=entry)


@functools.cache
def reason() -> str:
    """Return why values of many lanes can't be used here, or "" if they can.

    The first call compiles and runs a small function, since a release of Numba could break the vector type.
    """
    try:
        for dtype, n in LANES.items():
            x = _vector_rows(3, dtype)
            x[0], x[1] = np.arange(n), 3.0
            expected = np.where(x[0] > 3, np.sqrt(x[0] * 3 + 3), 0)
            if _trial(x, 0) != n or not np.allclose(x[2], expected, rtol=1e-6, atol=0):
                return f"the vector type of {n} {dtype} lanes gives wrong numbers with numba {numba.__version__}"
    except Exception as error:  # whatever a future Numba raises is the answer to the question asked
        return f"the vector type can't be built with numba {numba.__version__}: {type(error).__name__}: {error}"
    return ""


def available() -> bool:
    """Whether values of many lanes work here; `reason` says why not.

    Examples
    --------
    >>> available() == (reason() == "")
    True
    """
    return not reason()


def rows(n: int, dtype: np.dtype | type, *, plain: bool = False) -> np.ndarray:
    """Return `n` unset rows, each one value for the functions here, that begin where a line of the cache does.

    Parameters
    ----------
    n : int
    dtype : {float32, float64}
    plain : bool, optional
        Rows of one lane, also where there could be more.

    Returns
    -------
    array, (n, lanes), or (n,) where a value has one lane

    Examples
    --------
    >>> rows(4, np.float32, plain=True).shape
    (4,)
    """
    dtype = np.dtype(dtype)
    return np.empty(n, dtype) if plain or not available() else _vector_rows(n, dtype)


def _vector_rows(n: int, dtype: np.dtype[Any]) -> np.ndarray:
    raw = np.empty((n + 1) * 64, np.uint8)
    begin = -raw.__array_interface__["data"][0] % 64
    return raw[begin : begin + n * 64].view(dtype).reshape(n, LANES[dtype])


class VectorType(types.Type):
    """The type of a value of many lanes."""

    def __init__(self, scalar: types.Float, lanes: int) -> None:
        self.scalar, self.lanes = scalar, lanes
        super().__init__(f"vector({scalar}, {lanes})")


class MaskType(types.Type):
    """The type of a comparison of two values of many lanes."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(f"mask({lanes})")


_VECTORS = {types.float32: VectorType(types.float32, 16), types.float64: VectorType(types.float64, 8)}
_ELEMENTS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
_CONTRACT = ("contract",)  # a product and a sum may become one fused operation


def _ir_vector(vector: VectorType) -> ir.VectorType:
    return ir.VectorType(_ELEMENTS[vector.scalar], vector.lanes)


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    """A vector is one LLVM value."""

    def __init__(self, manager: Any, kind: VectorType) -> None:
        super().__init__(manager, kind, _ir_vector(kind))


@register_model(MaskType)
class _MaskModel(models.PrimitiveModel):
    """A mask is one LLVM value of one bit a lane."""

    def __init__(self, manager: Any, kind: MaskType) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), kind.lanes))


def _register_operator(function: Callable, instruction: str) -> None:
    """Teach Numba one operator between two vectors of one type."""

    def typer(context: Any) -> Callable:
        def typed(a: Any, b: Any) -> Any:
            return a if isinstance(a, VectorType) and a == b else None

        return typed

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args, flags=_CONTRACT)

    type_callable(function)(typer)
    lower_builtin(function, VectorType, VectorType)(lower)


for _function, _instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _register_operator(_function, _instruction)


def _value_of(array: Any) -> Any:
    """The type of one row of an array."""
    if not isinstance(array, types.Array) or array.layout != "C" or array.dtype not in _VECTORS:
        return None
    return {1: array.dtype, 2: _VECTORS[array.dtype]}.get(array.ndim)


def _is_value(kind: Any) -> bool:
    return isinstance(kind, (types.Float, VectorType))


def _mask_of(kind: Any) -> Any:
    return MaskType(kind.lanes) if isinstance(kind, VectorType) else types.boolean


def _row_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    value = _value_of(array_type)
    if not isinstance(value, VectorType):
        return builder.gep(data, [index])
    first = builder.mul(index, ir.Constant(index.type, value.lanes))
    return builder.bitcast(builder.gep(data, [first]), _ir_vector(value).as_pointer())


def _align(array_type: Any) -> int:
    return array_type.dtype.bitwidth // 8


@intrinsic
def load(typing_context, array, index):  # type: ignore[no-untyped-def]
    """`load(rows, i)`: row `i`. Bounds are not checked."""
    value = _value_of(array)
    if value is None:
        return None

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _row_pointer(context, builder, signature.args[0], *args)
        return builder.load(pointer, align=_align(signature.args[0]))

    return value(array, types.intp), generate


@intrinsic
def store(typing_context, array, index, value):  # type: ignore[no-untyped-def]
    """`store(rows, i, value)`: set row `i`. Bounds are not checked."""
    kind = _value_of(array)
    if kind is None:
        return None

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _row_pointer(context, builder, signature.args[0], *args[:2])
        builder.store(args[2], pointer, align=_align(signature.args[0]))
        return context.get_dummy_value()

    return types.void(array, types.intp, kind), generate


@intrinsic
def splat(typing_context, array, number):  # type: ignore[no-untyped-def]
    """`splat(rows, number)`: a value like a row of `rows` with the number in every lane."""
    kind = _value_of(array)
    if kind is None:
        return None

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        if not isinstance(kind, VectorType):
            return args[1]
        unset = ir.Constant(_ir_vector(kind), ir.Undefined)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), kind.lanes), [0] * kind.lanes)
        one = builder.insert_element(unset, args[1], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(one, unset, zeros)

    return kind(array, array.dtype), generate


def _choose(comparison: str) -> Callable:
    @intrinsic
    def chosen(typing_context, a, b):  # type: ignore[no-untyped-def]
        """Lane by lane the greater (or smaller) one; where `a` is NaN, `b`."""
        if not _is_value(a) or a != b:
            return None

        def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return builder.select(builder.fcmp_ordered(comparison, *args), *args)

        return a(a, b), generate

    return chosen


maximum = _choose(">")
minimum = _choose("<")


@intrinsic
def greater(typing_context, a, b):  # type: ignore[no-untyped-def]
    """`greater(a, b)`: the mask of the lanes where `a > b`."""
    if not _is_value(a) or a != b:
        return None

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.fcmp_ordered(">", *args)

    return _mask_of(a)(a, b), generate


@intrinsic
def known(typing_context, a):  # type: ignore[no-untyped-def]
    """`known(a)`: the mask of the lanes that aren't NaN."""
    if not _is_value(a):
        return None

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.fcmp_ordered("ord", args[0], args[0])

    return _mask_of(a)(a), generate


@intrinsic
def select(typing_context, mask, a, b):  # type: ignore[no-untyped-def]
    """`select(mask, a, b)`: `a` in the lanes of the mask, `b` in the others."""
    if not _is_value(a) or a != b or mask != _mask_of(a):
        return None

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.select(*args)

    return a(mask, a, b), generate


def _call(name: str, builder: Any, kind: Any, args: list[Any]) -> Any:
    """Call LLVM's own function of that name, for this type of value."""
    element = "f32" if getattr(kind, "scalar", kind) == types.float32 else "f64"
    of = f"v{kind.lanes}{element}" if isinstance(kind, VectorType) else element
    value = args[0].type
    function = builder.module.globals.get(f"llvm.{name}.{of}") or ir.Function(
        builder.module, ir.FunctionType(value, [value] * len(args)), f"llvm.{name}.{of}"
    )
    return builder.call(function, args)


@intrinsic
def sqrt(typing_context, a):  # type: ignore[no-untyped-def]
    """`sqrt(a)`: the square root of every lane."""
    if not _is_value(a):
        return None

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return _call("sqrt", builder, a, list(args))

    return a(a), generate


@intrinsic
def fma(typing_context, a, b, c):  # type: ignore[no-untyped-def]
    """`fma(a, b, c)`: `a * b + c`, rounded once where the processor can, twice where it can't."""
    if not _is_value(a) or a != b or a != c:
        return None

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return _call("fmuladd", builder, a, list(args))

    return a(a, b, c), generate


@intrinsic
def times(typing_context, a, b):  # type: ignore[no-untyped-def]
    """`times(a, b)`: the product, always rounded, also where a sum follows with which `a * b` might be fused."""
    if not _is_value(a) or a != b:
        return None

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.fmul(*args)

    return a(a, b), generate


def lanes_of(array: np.ndarray) -> int:
    """Return the number of lanes of a row."""
    return 1 if array.ndim == 1 else array.shape[1]


def lane(array: np.ndarray, row: int, at: int) -> float:
    """Return the number in one lane of a row."""
    return array[row] if array.ndim == 1 else array[row, at]


def set_lane(array: np.ndarray, row: int, at: int, number: float) -> None:
    """Set the number in one lane of a row."""
    if array.ndim == 1:
        array[row] = number
    else:
        array[row, at] = number


@overload(lanes_of, inline="always")
def _lanes_of(array):  # type: ignore[no-untyped-def]
    if array.ndim == 1:
        return lambda array: 1
    return lambda array: array.shape[1]


@overload(lane, inline="always")
def _lane(array, row, at):  # type: ignore[no-untyped-def]
    if array.ndim == 1:
        return lambda array, row, at: array[row]
    return lambda array, row, at: array[row, at]


@overload(set_lane)
def _set_lane(array, row, at, number):  # type: ignore[no-untyped-def]
    if array.ndim == 1:

        def plain(array, row, at, number):  # type: ignore[no-untyped-def]
            array[row] = number

        return plain

    def vector(array, row, at, number):  # type: ignore[no-untyped-def]
        array[row, at] = number

    return vector


@compiled(entry=True)
def _trial(x, n):  # type: ignore[no-untyped-def]
    """`x[2]`: where `x[0] > x[1]`, `sqrt(x[0] * x[1] + x[1, 0])`, else 0."""
    a = load(x, 0)
    b = load(x, 1)
    root = sqrt(fma(a, b, splat(x, x[1, 0])))
    store(x, 2, select(greater(a, b), maximum(root, minimum(a, b)), (a - a) * b))
    return n + lanes_of(x)
