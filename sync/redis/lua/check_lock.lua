-- Runs between WATCH and MULTI: if the lock KEYS[1] does not hold the writer's token, it touches a
-- watched key, so that EXEC does nothing. It never fails, because the rows behind it are already on
-- their way.
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
  if redis.pcall('SET', KEYS[2], '', 'EX', 60).err then
    -- A server without memory refuses to set the alarm KEYS[2], so the other holder's lock is
    -- touched: its remaining time is set to the same value again.
    local left = redis.call('PTTL', KEYS[1])
    if left > 0 then redis.call('PEXPIRE', KEYS[1], left) end
  end
end
