-- Gives the project's metadata to another identity, if the lock KEYS[1] holds the token ARGV[1].
-- KEYS[2] is the identity, KEYS[3] the set of views that were taken over, KEYS[4...] the views' epochs.
-- ARGV[2] is the number of views, ARGV[3...] their names, and then the fields of the identity.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('LOCKLOST') end
local views = tonumber(ARGV[2])
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], unpack(ARGV, views + 3))
for i = 1, views do
  redis.call('SADD', KEYS[3], ARGV[i + 2])
  redis.call('HDEL', KEYS[i + 3], 'epoch')
end
return views
