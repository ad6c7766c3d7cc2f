-- Replaces the text ARGV[1] of a canary by ARGV[2]. Returns 0 if the canary holds neither, so the node
-- has lost its data; a repeated swap succeeds.
local held = redis.call('GET', KEYS[1])
if held ~= ARGV[1] and held ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
