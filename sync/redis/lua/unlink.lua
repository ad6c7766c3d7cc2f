-- Deletes rows, no matter what they hold.
for i = 1, n do applied = applied + redis.call('UNLINK', KEYS[i + 1]) end
return {applied, refused}
