-- Renews the lock KEYS[1] for ARGV[2] milliseconds, if it still holds the token ARGV[1].
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
