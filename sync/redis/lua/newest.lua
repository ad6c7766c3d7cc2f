-- Newest wins: writes a row unless the server holds a newer one that we did not publish ourselves.
-- A row's second column holds the timestamps that we published before (empty: none). A row with those
-- timestamps is ours, so it may be replaced by an older one: the source went back in time.
local every = call('MGET', unpack(KEYS, 2))
for i = 1, n do
  local held, value, previous = stamps(every[i]), ARGV[i + 2], ARGV[i + n + 2]
  if not held or held == previous or compare(held, stamps(value)) <= 0 then
    put(KEYS[i + 1], value)
  else
    refused = refused + 1
  end
end
return done()
