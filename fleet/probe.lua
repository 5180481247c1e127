-- probe.lua shows whether this package's scripts would work: it uses each command that they do, on keys of its own that it takes away again.
--
-- KEYS: the processes (see hello.lua); three of its own.
-- ARGV: as the third of hello.lua.
-- Replies with the version that the server says it is, "" before 7, and the number of processes that said hello within that time.

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local hash, set, text = KEYS[2], KEYS[3], KEYS[4]
redis.call('HSET', hash, 'a', 1, 'b', 2) -- first: behind a DEL a server whose memory is full would let it through
redis.call('PEXPIRE', hash, 1000)
redis.call('HGET', hash, 'a')
redis.call('HMGET', hash, 'a', 'b')
redis.call('HGETALL', hash)
redis.call('HDEL', hash, 'b')
redis.call('PTTL', hash)
redis.call('ZADD', set, 1, 'a', 2, 'b')
redis.call('PEXPIRE', set, 1000)
redis.call('ZCARD', set)
redis.call('ZRANK', set, 'a')
redis.call('ZRANGE', set, 0, -1)
redis.call('ZREVRANGE', set, 0, 0)
redis.call('ZRANGEBYSCORE', set, 1, 2)
redis.call('ZREM', set, 'b')
redis.call('ZREMRANGEBYSCORE', set, 1, 1)
redis.call('SET', text, 'a', 'PX', 1000)
redis.call('GET', text)
redis.call('DEL', hash, set, text)
return { redis.REDIS_VERSION or '', redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now - ARGV[1]), '+inf') }
