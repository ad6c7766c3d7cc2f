-- The guard of a cluster, where a script sees one slot only: KEYS[1] is the fence of this slot.
-- A later holder of the lock may have raised it above the writer's fencing token ARGV[1].
local fence = redis.call('GET', KEYS[1])
if fence and tonumber(fence) > tonumber(ARGV[1]) then return {-1, 0} end
