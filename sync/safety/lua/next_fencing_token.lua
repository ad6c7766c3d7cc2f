-- Issues a fencing token greater than the last one in KEYS[1]. Returns it, and whether the last
-- holder has returned its own to KEYS[2].
-- A token is at least the clock's milliseconds ARGV[1], so tokens keep growing where KEYS[1] was lost.
local held = redis.call('GET', KEYS[1])
local number = math.max(tonumber(held or 0) + 1, tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', number))
return {number, held == redis.call('GET', KEYS[2]) and 1 or 0}
