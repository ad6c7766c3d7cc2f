"""The scripts that the server runs, atomically, for many rows at once.

KEYS is a guard, then the rows. ARGV is what the guard is compared with, then the shift that turns
an event into a row's remaining seconds (empty: none), then the values of each row, by column.
Bytes 10 to 25 of a row are its event and created timestamps; see docs/reference/online-format.md.
The answer is the number of rows written or deleted, and of those refused because the server holds
newer ones.

The guard of one server is the lock itself, which must hold the writer's token. In a cluster a
script sees one slot only, so there it is the slot's fence: a number that a writer's own must not be
below.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

__all__ = ["LOST", "Guard", "scripts"]

LOST = -1
"""The first number of the answer when the lock is no longer held; then nothing was written."""

_LOCK = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1, 0} end
"""

_FENCE = """
local fence = redis.call('GET', KEYS[1])
if fence and tonumber(fence) > tonumber(ARGV[1]) then return {-1, 0} end
"""

_COUNTERS = """
local n, applied, refused = #KEYS - 1, 0, 0
"""


class Guard(Enum):
    """What stands between a writer that has lost its lock and the rows."""

    LOCK = _LOCK
    FENCE = _FENCE


# Seconds, as a number: a text of milliseconds would cost a third more.
_SET = """
local shift = ARGV[2] ~= '' and tonumber(ARGV[2])
local call, unpack_bytes, ceil, max = redis.call, struct.unpack, math.ceil, math.max
local together = {}
local function put(key, value)
  applied = applied + 1
  if shift then
    local high, low = unpack_bytes('>i4I4', value, 10)
    local left = ceil(high * 4294.967296 + low / 1000000 + shift)
    call('SET', key, value, 'EX', max(left, 1))
  else
    together[2 * applied - 1] = key
    together[2 * applied] = value
  end
end
local function done()
  if #together > 0 then call('MSET', unpack(together)) end
  return {applied, refused}
end
"""

# -1: a is older than b, 1: newer, 0: the same; halves, since Lua's numbers have 53 bits.
_COMPARE = """
local function compare(a, at, b, bt)
  local a1, a2, a3, a4 = struct.unpack('>i4I4i4I4', a, at)
  local b1, b2, b3, b4 = struct.unpack('>i4I4i4I4', b, bt)
  if a1 ~= b1 then return a1 < b1 and -1 or 1 end
  if a2 ~= b2 then return a2 < b2 and -1 or 1 end
  if a3 ~= b3 then return a3 < b3 and -1 or 1 end
  if a4 ~= b4 then return a4 < b4 and -1 or 1 end
  return 0
end
"""

_OVERWRITE = """
for i = 1, n do put(KEYS[i + 1], ARGV[i + 2]) end
return done()
"""

_NEWEST = """
local every = call('MGET', unpack(KEYS, 2))
for i = 1, n do
  local held, value, previous = every[i], ARGV[i + 2], ARGV[i + n + 2]
  if not held or #held < 25 or compare(held, 10, value, 10) <= 0
      or (previous ~= '' and compare(held, 10, previous, 1) == 0) then
    put(KEYS[i + 1], value)
  else
    refused = refused + 1
  end
end
return done()
"""

_DELETE = """
local every = redis.call('MGET', unpack(KEYS, 2))
for i = 1, n do
  local held, previous = every[i], ARGV[i + 2]
  if held and #held >= 25 and compare(held, 10, previous, 1) > 0 then
    refused = refused + 1
  elseif held then
    redis.call('UNLINK', KEYS[i + 1])
    applied = applied + 1
  end
end
return {applied, refused}
"""

_UNLINK = """
for i = 1, n do applied = applied + redis.call('UNLINK', KEYS[i + 1]) end
return {applied, refused}
"""

_BODIES: Mapping[str, str] = MappingProxyType(
    {
        "overwrite": _SET + _OVERWRITE,
        "newest": _SET + _COMPARE + _NEWEST,
        "delete": _COMPARE + _DELETE,
        "unlink": _UNLINK,
    }
)


def scripts(guard: Guard) -> dict[str, str]:
    """Return every script by name, behind a guard."""
    return {name: guard.value + _COUNTERS + body for name, body in _BODIES.items()}
