-- Deletes rows, unless the server holds a newer one than we published (the timestamps in ARGV).
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
