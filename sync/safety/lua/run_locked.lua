-- Runs one command if the lock KEYS[1] holds the token ARGV[1].
-- The command: its name ARGV[2], its keys KEYS[2...], its other arguments ARGV[3...].
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('LOCKLOST') end
local command = {ARGV[2]}
for i = 2, #KEYS do command[i] = KEYS[i] end
for i = 3, #ARGV do command[#KEYS + i - 2] = ARGV[i] end
return redis.call(unpack(command))
