-- Replaces rows that were found damaged, unless they changed since: the second column holds the
-- damaged bytes.
for i = 1, n do
  if redis.call('GET', KEYS[i + 1]) == ARGV[i + n + 2] then
    put(KEYS[i + 1], ARGV[i + 2])
  else
    refused = refused + 1
  end
end
return done()
