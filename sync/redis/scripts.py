"""The scripts that the server runs, atomically, for many rows at once.

KEYS is a guard, then the rows. ARGV is what the guard is compared with, then the shift that turns
an event into a row's remaining seconds (empty: none), then the values of each row, by column.
Bytes 6 to 13 of a row are its event timestamp, and the created timestamp follows where the first
byte has its mark; see docs/reference/online-format.md.
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

from featurestore.online.codec import FORMAT_VERSION, MARKS

__all__ = ["LOST", "WriteGuard", "scripts"]

LOST = -1
"""The first number of the answer when the lock is no longer held; then nothing was written."""

_LOCK = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1, 0} end
"""

_FENCE = """
local fence = redis.call('GET', KEYS[1])
if fence and tonumber(fence) > tonumber(ARGV[1]) then return {-1, 0} end
"""

_LOCALS = f"""
local least, most = {FORMAT_VERSION << 4}, {(FORMAT_VERSION << 4) + MARKS[-1]}
local n, applied, refused = #KEYS - 1, 0, 0
"""


class WriteGuard(Enum):
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
    local high, low = unpack_bytes('>i4I4', value, 6)
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

# The timestamps of a row as 16 bytes; nothing where it is no row of this format.
# Compared, -1 is older, 1 newer, 0 the same; by halves, since Lua's numbers have 53 bits.
_COMPARE = """
local no_created = string.char(128, 0, 0, 0, 0, 0, 0, 0)
local function stamps(row)
  local first = row and row:byte(1)
  if not first or first < least or first > most or #row < 13 then return nil end
  if first % 2 == 0 then return row:sub(6, 13) .. no_created end
  return #row >= 21 and row:sub(6, 21)
end
local function compare(a, b)
  local a1, a2, a3, a4 = struct.unpack('>i4I4i4I4', a)
  local b1, b2, b3, b4 = struct.unpack('>i4I4i4I4', b)
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
  local held, value, previous = stamps(every[i]), ARGV[i + 2], ARGV[i + n + 2]
  if not held or held == previous or compare(held, stamps(value)) <= 0 then
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
  local held = stamps(every[i])
  if held and compare(held, ARGV[i + 2]) > 0 then
    refused = refused + 1
  elseif every[i] then
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


def scripts(guard: WriteGuard) -> dict[str, str]:
    """Return every script by name, behind a guard."""
    return {name: guard.value + _LOCALS + body for name, body in _BODIES.items()}
