-- Deletes rows that were found damaged, unless they changed since: ARGV holds the damaged bytes.
for i = 1, n do
  if redis.call('GET', KEYS[i + 1]) == ARGV[i + 2] then
    applied = applied + redis.call('UNLINK', KEYS[i + 1])
  else
    refused = refused + 1
  end
end
return {applied, refused}
