-- Writes rows. Rows without an expiry are collected for one MSET: cheaper than a SET for each.
local shift = ARGV[2] ~= '' and tonumber(ARGV[2])
local call, unpack_bytes, ceil, max = redis.call, struct.unpack, math.ceil, math.max
local together = {}
local function put(key, value)
  applied = applied + 1
  if shift then
    -- Bytes 6 to 13 of a row are its event timestamp in microseconds; the shift turns it into the
    -- remaining time. Seconds as a number: milliseconds would be sent as text and cost a third more.
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
