-- Writes rows. Rows without an expiry are collected for one MSET: cheaper than a SET for each.
local call, unpack_bytes, ceil, max, min = redis.call, struct.unpack, math.ceil, math.max, math.min
local together = {}
local shift, end_shift = ARGV[2]:match('^(%S*) ?(%S*)$')
shift, end_shift = tonumber(shift), tonumber(end_shift)
-- Returns the remaining time until an instant of a row, in seconds: the shift turns microseconds since
-- 1970, at this byte, into it. Nil for the greatest instants, which mean no end.
local function remaining(value, at, by)
  local high, low = unpack_bytes('>i4I4', value, at)
  if high == 2147483647 then return nil end
  return high * 4294.967296 + low / 1000000 + by
end
local function time_left(value)
  local left = shift and remaining(value, 6, shift)
  local marks = value:byte(1) % 8
  if not end_shift or marks < 4 then return left end
  -- The end comes after the created timestamp, which the lowest bit marks.
  local ends = remaining(value, marks % 2 == 1 and 22 or 14, end_shift)
  return left and ends and min(left, ends) or left or ends
end
local function put(key, value)
  applied = applied + 1
  local left = time_left(value)
  if left then
    -- Seconds as a number: milliseconds would be sent as text and cost a third more.
    call('SET', key, value, 'EX', max(ceil(left), 1))
  else
    local count = #together
    together[count + 1] = key
    together[count + 2] = value
  end
end
local function done()
  if #together > 0 then call('MSET', unpack(together)) end
  return {applied, refused}
end
