-- The guard of a single server: KEYS[1] is the lock, which must hold the writer's token ARGV[1].
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1, 0} end
