-- look.lua shows what limit.lua keeps. It writes nothing.
--
-- KEYS: the operation's index of its buckets; then, per bucket to look at: b, the bucket (string); c, who waits there (hash).
-- ARGV: how many labels of the index to tell at most.
-- Replies with the server's time in microseconds, the labels of the buckets that are kept, each bucket (or nil), and all fields of each hash.

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local reply = { now, redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%.0f', now / 1000), '+inf', 'LIMIT', 0, ARGV[1]) }
for i = 2, #KEYS, 2 do
  reply[i + 1] = redis.call('GET', KEYS[i])
  reply[i + 2] = redis.call('HGETALL', KEYS[i + 1])
end
return reply
