-- Notes in KEYS[2] that the holder of the fencing token ARGV[1] has nothing left to write.
-- A purge deletes KEYS[1], and then there is nothing to note.
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('SET', KEYS[2], ARGV[1]) end
